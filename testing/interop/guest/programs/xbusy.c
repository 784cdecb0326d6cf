/* xbusy RATE [SEED]: windows that open, move and close, and every kind of core and Render drawing, RATE steps a second, chosen by a
 * seeded generator. It is there to make a display driver use all its operations. */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/Xrender.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOWS = 4, WIDTH = 360, HEIGHT = 260, TILE = 32 };

static unsigned long long state = 1;
static Display *display;
static Window root, windows[WINDOWS];
static Pixmap tile, stipple, store, argb;
static Picture source, targets[WINDOWS];
static GC gc;
static XImage *photo;
static int mapped[WINDOWS];

static int below(int limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (int)((state >> 33) % (unsigned)limit);
}

static void set_up(void)
{
    int screen = DefaultScreen(display), depth = DefaultDepth(display, screen);
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0xe0e0d0, .border_pixel = 0x3050a0};
    XRenderPictFormat *format = XRenderFindVisualFormat(display, DefaultVisual(display, screen));
    for (int n = 0; n < WINDOWS; n++) {
        windows[n] = XCreateWindow(display, root, 60 + 150 * n, 300 + 40 * n, WIDTH, HEIGHT, 3, depth, InputOutput, DefaultVisual(display, screen),
                                   CWOverrideRedirect | CWBackPixel | CWBorderPixel, &attributes);
        XStoreName(display, windows[n], "busy");
        XMapRaised(display, windows[n]);
        mapped[n] = 1;
        targets[n] = XRenderCreatePicture(display, windows[n], format, 0, NULL);
    }
    gc = XCreateGC(display, windows[0], 0, NULL);
    XSetGraphicsExposures(display, gc, False);
    XFontStruct *font = XLoadQueryFont(display, "9x15");
    if (font)
        XSetFont(display, gc, font->fid);
    tile = XCreatePixmap(display, root, TILE, TILE, depth);
    for (int n = 0; n < TILE; n++) {
        XSetForeground(display, gc, 0x080402 * n + 0x102030);
        XDrawLine(display, tile, gc, n, 0, TILE - 1 - n, TILE - 1);
    }
    static char pattern[8] = {0x11, 0x22, 0x44, (char)0x88, 0x11, 0x22, 0x44, (char)0x88};
    stipple = XCreateBitmapFromData(display, root, pattern, 8, 8);
    store = XCreatePixmap(display, root, 128, 128, depth);
    XFillRectangle(display, store, gc, 0, 0, 128, 128);
    argb = XCreatePixmap(display, root, 64, 64, 32);
    source = XRenderCreatePicture(display, argb, XRenderFindStandardFormat(display, PictStandardARGB32), 0, NULL);
    unsigned *pixels = malloc(96 * 96 * 4);
    for (int n = 0; n < 96 * 96; n++)
        pixels[n] = (unsigned)(n % 96 * 2 + below(8)) << 16 | (unsigned)(n / 96 * 2 + below(8)) << 8 | (unsigned)(200 - n % 96);
    photo = XCreateImage(display, DefaultVisual(display, screen), depth, ZPixmap, 0, (char *)pixels, 96, 96, 32, 0);
}

static void rectangles(Window window)
{
    static const int rops[] = {GXcopy, GXxor, GXinvert, GXand, GXor, GXclear, GXset, GXequiv, GXcopy};
    XSetFunction(display, gc, rops[below(9)]);
    for (int n = 0; n < 4; n++) {
        XSetForeground(display, gc, below(0x1000000));
        XFillRectangle(display, window, gc, below(WIDTH), below(HEIGHT), 10 + below(100), 10 + below(80));
    }
}

static void patterns(Window window)
{
    int style = below(3);
    XSetFillStyle(display, gc, style == 0 ? FillTiled : style == 1 ? FillStippled : FillOpaqueStippled);
    XSetTile(display, gc, tile);
    XSetStipple(display, gc, stipple);
    XSetForeground(display, gc, below(0x1000000));
    XSetBackground(display, gc, below(0x1000000));
    XSetTSOrigin(display, gc, below(TILE), below(TILE));
    XFillRectangle(display, window, gc, below(WIDTH), below(HEIGHT), 20 + below(120), 20 + below(90));
}

static void lines(Window window)
{
    XPoint points[8];
    for (int n = 0; n < 8; n++)
        points[n] = (XPoint){(short)below(WIDTH), (short)below(HEIGHT)};
    XSetForeground(display, gc, below(0x1000000));
    XSetBackground(display, gc, below(0x1000000));
    static const int styles[] = {LineSolid, LineOnOffDash, LineDoubleDash};
    static const int widths[] = {0, 0, 1, 5};
    XSetLineAttributes(display, gc, widths[below(4)], styles[below(3)], below(4), below(3));
    XDrawLines(display, window, gc, points, 8, CoordModeOrigin);
    XFillArc(display, window, gc, below(WIDTH), below(HEIGHT), 60, 40, 0, below(360 * 64));
    XFillPolygon(display, window, gc, points, 5, Complex, CoordModeOrigin);
}

static void text(Window window)
{
    char line[80];
    for (int n = 0; n < 4; n++) {
        int length = snprintf(line, sizeof line, "The quick brown fox %d jumps over %d", below(1000), below(1000));
        XSetForeground(display, gc, below(0x1000000));
        XSetBackground(display, gc, 0xffffff);
        if (n & 1)
            XDrawString(display, window, gc, below(WIDTH), 20 + below(HEIGHT), line, length);
        else
            XDrawImageString(display, window, gc, below(WIDTH), 20 + below(HEIGHT), line, length);
    }
}

static void copies(Window window)
{
    XSetFunction(display, gc, below(4) ? GXcopy : GXxor);
    XCopyArea(display, window, window, gc, below(WIDTH), below(HEIGHT), 80, 60, below(WIDTH), below(HEIGHT));
    XCopyArea(display, window, store, gc, below(WIDTH), below(HEIGHT), 100, 100, below(28), below(28));
    XCopyArea(display, store, window, gc, 0, 0, 128, 128, below(WIDTH), below(HEIGHT));
    XSetForeground(display, gc, below(0x1000000));
    XCopyPlane(display, stipple, window, gc, 0, 0, 8, 8, below(WIDTH), below(HEIGHT), 1);
    XPutImage(display, window, gc, photo, 0, 0, below(WIDTH), below(HEIGHT), 96, 96);
}

static void blend(Picture target)
{
    XRenderColor colour = {(unsigned short)below(65536), (unsigned short)below(65536), (unsigned short)below(65536), (unsigned short)below(65536)};
    XRenderFillRectangle(display, PictOpSrc, source, &colour, 0, 0, 64, 64);
    XRenderFillRectangle(display, PictOpClear, source, &colour, 16, 16, 20, 20);
    XRenderComposite(display, PictOpOver, source, None, target, 0, 0, 0, 0, below(WIDTH), below(HEIGHT), 64, 64);
    XRenderFillRectangle(display, PictOpOver, target, &colour, below(WIDTH), below(HEIGHT), 50, 50);
}

static void arrange(int n)
{
    int screen = DefaultScreen(display);
    switch (below(4)) {
    case 0:
        mapped[n] = !mapped[n];
        if (mapped[n])
            XMapRaised(display, windows[n]);
        else
            XUnmapWindow(display, windows[n]);
        break;
    case 1:
        XClearArea(display, windows[n], below(WIDTH), below(HEIGHT), 100, 80, False);
        break;
    default:
        XMoveWindow(display, windows[n], below(DisplayWidth(display, screen)) - 100, below(DisplayHeight(display, screen)) - 60);
    }
}

int main(int argc, char **argv)
{
    double rate = argc > 1 ? atof(argv[1]) : 25;
    if (argc > 2)
        state = strtoull(argv[2], NULL, 10);
    display = XOpenDisplay(NULL);
    if (!display)
        return 1;
    root = DefaultRootWindow(display);
    set_up();
    for (;;) {
        int n = below(WINDOWS);
        XGCValues plain = {.function = GXcopy, .fill_style = FillSolid, .line_style = LineSolid};
        XChangeGC(display, gc, GCFunction | GCFillStyle | GCLineStyle, &plain);
        switch (below(7)) {
        case 0: rectangles(windows[n]); break;
        case 1: patterns(windows[n]); break;
        case 2: lines(windows[n]); break;
        case 3: text(windows[n]); break;
        case 4: copies(windows[n]); break;
        case 5: blend(targets[n]); break;
        case 6: arrange(n); break;
        }
        XSync(display, False);
        usleep(1e6 / rate);
    }
}

/* xevents [FILE]: shows every key, button, pointer position and lock LED, and writes each event with a counter to FILE (/dev/ttyS1):
 *
 *   0 READY 1024x768
 *   1 KEY down 38 a          X keycode (evdev code + 8) and the name of the unshifted keysym
 *   2 KEY up 38 a
 *   3 BUTTON down 4          X button: 1 left, 2 middle, 3 right, 4 and 5 the wheel
 *   4 POINTER 400 300        where the pointer is now, in pixels of the screen
 *   5 LEDS 3                 1 caps lock, 2 num lock, 4 scroll lock, added
 *
 * Raw events are read from the root window, so neither focus nor another program's grab hides any. */
#include <X11/XKBlib.h>
#include <X11/Xlib.h>
#include <X11/extensions/XInput2.h>
#include <stdio.h>
#include <string.h>

static Display *display;
static FILE *out;
static long count;
static char history[12][64];
static unsigned buttons, leds;
static int pointer_x = -1, pointer_y = -1;
static char keys[256];

#define LOG(...) do { snprintf(history[count % 12], sizeof history[0], __VA_ARGS__); \
    fprintf(out, "%ld %s\n", count, history[count % 12]); fflush(out); count++; } while (0)

static void show(Window window, GC gc)
{
    char line[400];
    XClearWindow(display, window);
    for (int n = 0; n < 12 && n < count; n++) {
        long index = count - 1 - n;
        int length = snprintf(line, sizeof line, "%ld %s", index, history[index % 12]);
        XDrawString(display, window, gc, 10, 70 + 14 * n, line, length);
    }
    for (int n = 0; n < 3; n++) {
        XSetForeground(display, gc, leds >> n & 1 ? 0x00ff00 : 0x404040);
        XFillRectangle(display, window, gc, 10 + 30 * n, 10, 20, 20);
    }
    for (int n = 0; n < 9; n++) {
        XSetForeground(display, gc, buttons >> n & 1 ? 0xff4040 : 0x404040);
        XFillRectangle(display, window, gc, 120 + 30 * n, 10, 20, 20);
    }
    XSetForeground(display, gc, 0xffffff);
    int length = snprintf(line, sizeof line, "pointer %d %d  held", pointer_x, pointer_y);
    for (int code = 0; code < 256 && length < 380; code++)
        if (keys[code])
            length += snprintf(line + length, sizeof line - length, " %d", code);
    XDrawString(display, window, gc, 10, 50, line, length);
    XFlush(display);
}

static void read_leds(void)
{
    static const char *names[] = {"Caps Lock", "Num Lock", "Scroll Lock"};
    unsigned state = 0;
    for (int n = 0; n < 3; n++) {
        Bool on = False;
        if (XkbGetNamedIndicator(display, XInternAtom(display, names[n], False), NULL, &on, NULL, NULL) && on)
            state |= 1u << n;
    }
    if (state != leds) {
        leds = state;
        LOG("LEDS %u", leds);
    }
}

static void read_pointer(Window root)
{
    Window r, c;
    int x, y, wx, wy;
    unsigned mask;
    XQueryPointer(display, root, &r, &c, &x, &y, &wx, &wy, &mask);
    if (x != pointer_x || y != pointer_y) {
        pointer_x = x;
        pointer_y = y;
        LOG("POINTER %d %d", x, y);
    }
}

static void handle(Window root, int type, int detail)
{
    const char *name;
    switch (type) {
    case XI_RawKeyPress:
    case XI_RawKeyRelease:
        keys[detail & 255] = type == XI_RawKeyPress;
        name = XKeysymToString(XkbKeycodeToKeysym(display, detail, 0, 0));
        LOG("KEY %s %d %s", type == XI_RawKeyPress ? "down" : "up", detail, name ? name : "-");
        break;
    case XI_RawButtonPress:
    case XI_RawButtonRelease:
        read_pointer(root);
        if (detail > 0 && detail < 10)
            buttons = (buttons & ~(1u << (detail - 1))) | (type == XI_RawButtonPress ? 1u << (detail - 1) : 0);
        LOG("BUTTON %s %d", type == XI_RawButtonPress ? "down" : "up", detail);
        break;
    case XI_RawMotion:
        read_pointer(root);
        break;
    }
}

int main(int argc, char **argv)
{
    out = fopen(argc > 1 ? argv[1] : "/dev/ttyS1", "w");
    display = XOpenDisplay(NULL);
    if (!out || !display)
        return 1;
    int opcode, event_base, error_base, major = 2, minor = 2, xkb_event, screen = DefaultScreen(display);
    if (!XQueryExtension(display, "XInputExtension", &opcode, &event_base, &error_base) || XIQueryVersion(display, &major, &minor) != Success)
        return 1;
    XkbQueryExtension(display, NULL, &xkb_event, NULL, NULL, NULL);
    XkbSelectEvents(display, XkbUseCoreKbd, XkbIndicatorStateNotifyMask, XkbIndicatorStateNotifyMask);
    Window root = RootWindow(display, screen);
    unsigned char bits[XIMaskLen(XI_LASTEVENT)] = {0};
    for (const int *type = (const int[]){XI_RawKeyPress, XI_RawKeyRelease, XI_RawButtonPress, XI_RawButtonRelease, XI_RawMotion, 0}; *type; type++)
        XISetMask(bits, *type);
    XIEventMask mask = {XIAllMasterDevices, sizeof bits, bits};
    XISelectEvents(display, root, &mask, 1);
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0x202040, .event_mask = ExposureMask};
    Window window = XCreateWindow(display, root, 560, 240, 420, 250, 0, DefaultDepth(display, screen), InputOutput,
                                  DefaultVisual(display, screen), CWOverrideRedirect | CWBackPixel | CWEventMask, &attributes);
    XMapRaised(display, window);
    GC gc = XCreateGC(display, window, 0, NULL);
    XFontStruct *font = XLoadQueryFont(display, "fixed");
    if (font)
        XSetFont(display, gc, font->fid);
    XSetForeground(display, gc, 0xffffff);
    XSync(display, False);
    LOG("READY %dx%d", DisplayWidth(display, screen), DisplayHeight(display, screen));
    read_leds();
    for (;;) {
        XEvent event;
        XNextEvent(display, &event);
        if (event.type == GenericEvent && event.xcookie.extension == opcode && XGetEventData(display, &event.xcookie)) {
            handle(root, event.xcookie.evtype, ((XIRawEvent *)event.xcookie.data)->detail);
            XFreeEventData(display, &event.xcookie);
        } else if (event.type == xkb_event) {
            read_leds();
        }
        if (!XPending(display))
            show(window, gc);
    }
}

/* xwallpaper: paints the root window with smooth colours and a little noise, which is what a photo costs to send, and exits. */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <math.h>
#include <stdlib.h>

int main(void)
{
    Display *display = XOpenDisplay(NULL);
    if (!display)
        return 1;
    int screen = DefaultScreen(display), width = DisplayWidth(display, screen), height = DisplayHeight(display, screen);
    int depth = DefaultDepth(display, screen);
    Window root = RootWindow(display, screen);
    int *across = malloc(sizeof(int) * 3 * width), *down = malloc(sizeof(int) * 3 * height);
    for (int k = 0; k < 3; k++) {
        for (int x = 0; x < width; x++)
            across[k * width + x] = 28 * (sin(x / 97.0 + k) + sin(x / 31.0 + 2 * k));
        for (int y = 0; y < height; y++)
            down[k * height + y] = 28 * (cos(y / 71.0 + k) + cos(y / 23.0 + 3 * k));
    }
    unsigned *pixels = malloc((size_t)width * height * 4), noise = 7;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            unsigned colour = 0;
            noise = noise * 1664525 + 1013904223;
            for (int k = 0; k < 3; k++) {
                int value = 128 + across[k * width + x] + down[k * height + y] + (int)(noise >> 29) - 4;
                colour = colour << 8 | (value < 0 ? 0 : value > 255 ? 255 : value);
            }
            pixels[(size_t)y * width + x] = colour;
        }
    XImage *image = XCreateImage(display, DefaultVisual(display, screen), depth, ZPixmap, 0, (char *)pixels, width, height, 32, 0);
    Pixmap pixmap = XCreatePixmap(display, root, width, height, depth);
    XPutImage(display, pixmap, DefaultGC(display, screen), image, 0, 0, 0, 0, width, height);
    XSetWindowBackgroundPixmap(display, root, pixmap);
    XClearWindow(display, root);
    XSetCloseDownMode(display, RetainPermanent);
    XCloseDisplay(display);
    return 0;
}

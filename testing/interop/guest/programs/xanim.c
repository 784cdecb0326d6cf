/* xanim WIDTHxHEIGHT RATE [X,Y]: shows 24 precomputed photo-like frames in a loop, RATE a second. Same place, same size, steady rate,
 * smooth content: what spice-server takes for a video stream. */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 24 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void paint(unsigned *pixels, int width, int height, double phase)
{
    float *a = malloc(sizeof(float) * width), *b = malloc(sizeof(float) * width);
    for (int x = 0; x < width; x++) {
        a[x] = sinf(x / 37.f + phase);
        b[x] = cosf(x / 23.f - phase);
    }
    for (int y = 0; y < height; y++) {
        float c = sinf(y / 29.f - phase), d = cosf(y / 41.f + phase);
        for (int x = 0; x < width; x++) {
            unsigned red = 128 + 60 * (a[x] + c), green = 128 + 60 * (b[x] + c), blue = 128 + 60 * (a[x] * d + b[x]);
            pixels[y * width + x] = (red & 255) << 16 | (green & 255) << 8 | (blue & 255);
        }
    }
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    int width = 320, height = 240, x = 700, y = 400;
    double rate = argc > 2 ? atof(argv[2]) : 15;
    if (argc > 1)
        sscanf(argv[1], "%dx%d", &width, &height);
    if (argc > 3)
        sscanf(argv[3], "%d,%d", &x, &y);
    Display *display = XOpenDisplay(NULL);
    if (!display)
        return 1;
    int screen = DefaultScreen(display), depth = DefaultDepth(display, screen);
    XSetWindowAttributes attributes = {.override_redirect = True};
    Window window = XCreateWindow(display, RootWindow(display, screen), x, y, width, height, 0, depth, InputOutput,
                                  DefaultVisual(display, screen), CWOverrideRedirect, &attributes);
    XMapRaised(display, window);
    XImage *frames[FRAMES];
    for (int n = 0; n < FRAMES; n++) {
        unsigned *pixels = malloc((size_t)width * height * 4);
        paint(pixels, width, height, 2 * M_PI * n / FRAMES);
        frames[n] = XCreateImage(display, DefaultVisual(display, screen), depth, ZPixmap, 0, (char *)pixels, width, height, 32, 0);
    }
    GC gc = XCreateGC(display, window, 0, NULL);
    double next = now();
    for (long n = 0;; n++) {
        XPutImage(display, window, gc, frames[n % FRAMES], 0, 0, 0, 0, width, height);
        XSync(display, False);
        next += 1 / rate;
        double wait = next - now();
        if (wait > 0)
            usleep(wait * 1e6);
        else
            next = now();
    }
}

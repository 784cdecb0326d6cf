/* draw-server NAME=VALUE…: the real spice-server in front of a QXL device that does what it is told.
 *
 * Arguments: port, tls-port, x509-dir, unix (path), password, sasl (1), compression (SpiceImageCompression), jpeg, zlib-glz (1 auto, 2 always,
 * 3 never, the default), streaming (1 off, the default, 2 all, 3 filter), memory (MiB, default 256).
 *
 * The device's memory is one block; a physical address in a QXL structure is an offset in it, 0 is no address. Commands come on standard
 * input, one a line, and events go to standard output, one JSON object a line; the end of the input ends the program:
 *
 *   write ADDRESS FILE                          puts the file's bytes into the memory
 *   read ADDRESS LENGTH FILE                    writes bytes of the memory to a file: event "read"
 *   primary WIDTH HEIGHT STRIDE FORMAT ADDRESS  creates the primary surface on that memory: event "primary"
 *   destroy-primary                             event "primary-destroyed"
 *   draw|surface|cursor ADDRESS                 queues a QXLDrawable, QXLSurfaceCmd, QXLCursorCmd
 *   monitors ADDRESS                            QXLMonitorsConfig: event "monitors"
 *   render SURFACE WIDTH HEIGHT                 processes what is queued and has spice-server's own canvas draw the surface into the memory:
 *                                               event "rendered"
 *   compression NUMBER                          of images from now on
 *   leds MASK                                   state of the keyboard's lock keys
 *   stop, start                                 run state of the machine
 */
#include <glib.h>
#include <glib-unix.h>
#include <spice.h>
#include <spice/qxl_dev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static SpiceServer *server;
static GMainLoop *loop;
static uint8_t *memory;
static uint64_t memory_size = 256ull << 20;
static GAsyncQueue *commands, *cursor_commands;
static GMutex output;

static void report(const char *event, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Called from the main thread and from spice-server's worker. */
static void report(const char *event, const char *format, ...)
{
    va_list list;
    g_mutex_lock(&output);
    printf("{\"event\":\"%s\"", event);
    if (format) {
        putchar(',');
        va_start(list, format);
        vprintf(format, list);
        va_end(list);
    }
    puts("}");
    fflush(stdout);
    g_mutex_unlock(&output);
}

/* The event loop that spice-server's main thread part runs in. */

struct SpiceTimer {
    SpiceTimerFunc function;
    void *opaque;
    guint source;
};

static gboolean timer_fired(gpointer data)
{
    SpiceTimer *timer = data;
    timer->source = 0;
    timer->function(timer->opaque);
    return FALSE;
}

static SpiceTimer *timer_add(SpiceTimerFunc function, void *opaque)
{
    SpiceTimer *timer = g_new0(SpiceTimer, 1);
    timer->function = function;
    timer->opaque = opaque;
    return timer;
}

static void timer_cancel(SpiceTimer *timer)
{
    if (timer->source)
        g_source_remove(timer->source);
    timer->source = 0;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer_cancel(timer);
    timer->source = g_timeout_add(ms, timer_fired, timer);
}

static void timer_remove(SpiceTimer *timer)
{
    timer_cancel(timer);
    g_free(timer);
}

struct SpiceWatch {
    int fd;
    SpiceWatchFunc function;
    void *opaque;
    guint source;
};

static gboolean watch_ready(int fd, GIOCondition condition, gpointer data)
{
    SpiceWatch *watch = data;
    int event = (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR) ? SPICE_WATCH_EVENT_READ : 0) |
                (condition & G_IO_OUT ? SPICE_WATCH_EVENT_WRITE : 0);
    /* The function may remove the watch: nothing of it is touched afterwards. */
    watch->function(fd, event, watch->opaque);
    return TRUE;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    if (watch->source)
        g_source_remove(watch->source);
    int condition = (mask & SPICE_WATCH_EVENT_READ ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0) | (mask & SPICE_WATCH_EVENT_WRITE ? G_IO_OUT : 0);
    watch->source = condition ? g_unix_fd_add(watch->fd, condition, watch_ready, watch) : 0;
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc function, void *opaque)
{
    SpiceWatch *watch = g_new0(SpiceWatch, 1);
    watch->fd = fd;
    watch->function = function;
    watch->opaque = opaque;
    watch_update_mask(watch, mask);
    return watch;
}

static void watch_remove(SpiceWatch *watch)
{
    if (watch->source)
        g_source_remove(watch->source);
    g_free(watch);
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    static const char *names[] = {"", "connected", "initialized", "disconnected"};
    report("channel", "\"state\":\"%s\",\"type\":%d,\"id\":%d", names[event & 3], info->type, info->id);
}

static SpiceCoreInterface core = {
    .base = {.major_version = SPICE_INTERFACE_CORE_MAJOR, .minor_version = SPICE_INTERFACE_CORE_MINOR},
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
    .channel_event = channel_event,
};

/* The display device. Except for the first, these are called from spice-server's worker thread. */

static QXLInstance qxl;

static void attached_worker(QXLInstance *instance)
{
    (void)instance;
}

static void set_compression_level(QXLInstance *instance, int level)
{
    (void)instance, (void)level;
}

static void get_init_info(QXLInstance *instance, QXLDevInitInfo *info)
{
    (void)instance;
    *info = (QXLDevInitInfo){.num_memslots_groups = 1, .num_memslots = 1, .memslot_gen_bits = 1, .memslot_id_bits = 1, .n_surfaces = 1024};
}

static int pop(GAsyncQueue *queue, QXLCommandExt *command)
{
    QXLCommandExt *next = g_async_queue_try_pop(queue);
    if (!next)
        return FALSE;
    *command = *next;
    g_free(next);
    return TRUE;
}

static int get_command(QXLInstance *instance, QXLCommandExt *command)
{
    (void)instance;
    return pop(commands, command);
}

static int get_cursor_command(QXLInstance *instance, QXLCommandExt *command)
{
    (void)instance;
    return pop(cursor_commands, command);
}

/* Every push is followed by a wakeup, so that the answer may be "none are there now". */
static int request_notification(QXLInstance *instance)
{
    (void)instance;
    return g_async_queue_length(commands) <= 0;
}

static int request_cursor_notification(QXLInstance *instance)
{
    (void)instance;
    return g_async_queue_length(cursor_commands) <= 0;
}

/* Memory is never used twice, so nothing has to be given back. */
static void release_resource(QXLInstance *instance, QXLReleaseInfoExt info)
{
    (void)instance, (void)info;
}

static void notify_update(QXLInstance *instance, uint32_t id)
{
    (void)instance, (void)id;
}

static int flush_resources(QXLInstance *instance)
{
    (void)instance;
    return 0;
}

static void async_complete(QXLInstance *instance, uint64_t cookie)
{
    (void)instance, (void)cookie;
    report("monitors", NULL);
}

static void set_client_capabilities(QXLInstance *instance, uint8_t present, uint8_t *capabilities)
{
    (void)instance, (void)capabilities;
    report("client", "\"present\":%s", present ? "true" : "false");
}

static int client_monitors_config(QXLInstance *instance, VDAgentMonitorsConfig *config)
{
    (void)instance;
    if (config)
        report("client-monitors", "\"count\":%u", config->num_of_monitors);
    return TRUE;
}

static QXLInterface qxl_interface = {
    .base = {.type = SPICE_INTERFACE_QXL, .description = "draw-server", .major_version = SPICE_INTERFACE_QXL_MAJOR,
             .minor_version = SPICE_INTERFACE_QXL_MINOR},
    .attached_worker = attached_worker,
    .set_compression_level = set_compression_level,
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = request_notification,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = request_cursor_notification,
    .notify_update = notify_update,
    .flush_resources = flush_resources,
    .async_complete = async_complete,
    .set_client_capabilities = set_client_capabilities,
    .client_monitors_config = client_monitors_config,
};

/* Keyboard, mouse and tablet: every call is an event. */

static uint8_t leds;

static void push_scan_code(SpiceKbdInstance *instance, uint8_t code)
{
    (void)instance;
    report("scan-code", "\"code\":%u", code);
}

static uint8_t get_leds(SpiceKbdInstance *instance)
{
    (void)instance;
    return leds;
}

static void mouse_motion(SpiceMouseInstance *instance, int dx, int dy, int dz, uint32_t buttons)
{
    (void)instance;
    report("motion", "\"dx\":%d,\"dy\":%d,\"dz\":%d,\"buttons\":%u", dx, dy, dz, buttons);
}

static void mouse_buttons(SpiceMouseInstance *instance, uint32_t buttons)
{
    (void)instance;
    report("mouse-buttons", "\"buttons\":%u", buttons);
}

static void tablet_size(SpiceTabletInstance *instance, int width, int height)
{
    (void)instance, (void)width, (void)height;
}

static void tablet_position(SpiceTabletInstance *instance, int x, int y, uint32_t buttons)
{
    (void)instance;
    report("position", "\"x\":%d,\"y\":%d,\"buttons\":%u", x, y, buttons);
}

static void tablet_wheel(SpiceTabletInstance *instance, int motion, uint32_t buttons)
{
    (void)instance;
    report("wheel", "\"motion\":%d,\"buttons\":%u", motion, buttons);
}

static void tablet_buttons(SpiceTabletInstance *instance, uint32_t buttons)
{
    (void)instance;
    report("tablet-buttons", "\"buttons\":%u", buttons);
}

static SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan_code,
    .get_leds = get_leds,
};
static SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};
static SpiceTabletInterface tablet_interface = {
    .base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
    .set_logical_size = tablet_size,
    .position = tablet_position,
    .wheel = tablet_wheel,
    .buttons = tablet_buttons,
};
static SpiceKbdInstance keyboard = {.base = {&keyboard_interface.base}};
static SpiceMouseInstance mouse = {.base = {&mouse_interface.base}};
static SpiceTabletInstance tablet = {.base = {&tablet_interface.base}};

/* Commands. */

static const char *transfer(uint64_t address, uint64_t length, const char *path, gboolean into_memory)
{
    char *bytes = NULL;
    gsize size = length;
    if (into_memory && !g_file_get_contents(path, &bytes, &size, NULL))
        return "the file cannot be read";
    if (address > memory_size || size > memory_size - address) {
        g_free(bytes);
        return "that is outside of the memory";
    }
    if (!into_memory)
        return g_file_set_contents(path, (char *)memory + address, size, NULL) ? NULL : "the file cannot be written";
    memcpy(memory + address, bytes, size);
    g_free(bytes);
    return NULL;
}

static void push(uint32_t type, uint64_t address)
{
    QXLCommandExt *command = g_new0(QXLCommandExt, 1);
    command->cmd.data = address;
    command->cmd.type = type;
    g_async_queue_push(type == QXL_CMD_CURSOR ? cursor_commands : commands, command);
    spice_qxl_wakeup(&qxl);
}

static void create_primary(const uint64_t *n)
{
    QXLDevSurfaceCreate surface = {.width = n[1], .height = n[2], .stride = (int32_t)n[3], .format = n[4], .mem = n[5],
                                   .mouse_mode = TRUE, .type = QXL_SURF_TYPE_PRIMARY};
    spice_qxl_create_primary_surface(&qxl, 0, &surface);
    report("primary", NULL);
}

static void render(uint32_t surface, int width, int height)
{
    QXLRect area = {.right = width, .bottom = height};
    spice_qxl_update_area(&qxl, surface, &area, NULL, 0, FALSE);
    report("rendered", NULL);
}

static const char *command(char **words, int count)
{
    uint64_t n[6] = {0};
    const char *error = NULL;
    for (int i = 1; i < count && i < 6; i++)
        n[i] = (uint64_t)strtoll(words[i], NULL, 0);
#define IS(name, words_needed) (!strcmp(words[0], name) && count == 1 + (words_needed))
    if (IS("write", 2))
        return transfer(n[1], 0, words[2], TRUE);
    if (IS("read", 3)) {
        error = transfer(n[1], n[2], words[3], FALSE);
        if (!error)
            report("read", NULL);
        return error;
    }
    if (IS("draw", 1))
        push(QXL_CMD_DRAW, n[1]);
    else if (IS("surface", 1))
        push(QXL_CMD_SURFACE, n[1]);
    else if (IS("cursor", 1))
        push(QXL_CMD_CURSOR, n[1]);
    else if (IS("primary", 5))
        create_primary(n);
    else if (IS("destroy-primary", 0))
        spice_qxl_destroy_primary_surface(&qxl, 0), report("primary-destroyed", NULL);
    else if (IS("monitors", 1))
        spice_qxl_monitors_config_async(&qxl, n[1], 0, 0);
    else if (IS("render", 3))
        render(n[1], n[2], n[3]);
    else if (IS("compression", 1))
        spice_server_set_image_compression(server, n[1]);
    else if (IS("leds", 1))
        leds = n[1], spice_server_kbd_leds(&keyboard, leds);
    else if (IS("stop", 0))
        spice_server_vm_stop(server);
    else if (IS("start", 0))
        spice_server_vm_start(server);
    else
        return "there is no such command";
    return NULL;
}

static gboolean on_input(GIOChannel *source, GIOCondition condition, gpointer data)
{
    (void)condition, (void)data;
    do {
        char *line = NULL;
        if (g_io_channel_read_line(source, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
            g_main_loop_quit(loop);
            return FALSE;
        }
        char **words = g_strsplit(g_strstrip(line), " ", -1);
        const char *error = words[0] ? command(words, g_strv_length(words)) : NULL;
        if (error)
            report("refused", "\"command\":\"%s\",\"reason\":\"%s\"", words[0], error);
        g_strfreev(words);
        g_free(line);
        /* The reader may hold further lines: they must not wait for the descriptor. */
    } while (g_io_channel_get_buffer_condition(source) & G_IO_IN);
    return TRUE;
}

static gboolean set_up_tls(int port, const char *directory)
{
    char *ca = g_build_filename(directory, "ca-cert.pem", NULL), *certificate = g_build_filename(directory, "server-cert.pem", NULL),
         *key = g_build_filename(directory, "server-key.pem", NULL);
    return spice_server_set_tls(server, port, ca, certificate, key, NULL, NULL, NULL) == 0;
}

static gboolean set_up(GHashTable *options)
{
#define TEXT(name) ((const char *)g_hash_table_lookup(options, name))
#define NUMBER(name, otherwise) (TEXT(name) ? atoi(TEXT(name)) : (otherwise))
    server = spice_server_new();
    if (TEXT("unix"))
        spice_server_set_addr(server, TEXT("unix"), SPICE_ADDR_FLAG_UNIX_ONLY);
    else
        spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    if (TEXT("port"))
        spice_server_set_port(server, NUMBER("port", 0));
    if (TEXT("tls-port") && !set_up_tls(NUMBER("tls-port", 0), TEXT("x509-dir")))
        return FALSE;
    if (TEXT("password"))
        spice_server_set_ticket(server, TEXT("password"), 0, 0, 0);
    else
        spice_server_set_noauth(server);
    if (TEXT("sasl"))
        spice_server_set_sasl(server, 1);
    spice_server_set_image_compression(server, NUMBER("compression", SPICE_IMAGE_COMPRESSION_AUTO_GLZ));
    spice_server_set_jpeg_compression(server, NUMBER("jpeg", SPICE_WAN_COMPRESSION_NEVER));
    spice_server_set_zlib_glz_compression(server, NUMBER("zlib-glz", SPICE_WAN_COMPRESSION_NEVER));
    spice_server_set_streaming_video(server, NUMBER("streaming", SPICE_STREAM_VIDEO_OFF));
    if (spice_server_init(server, &core) != 0)
        return FALSE;

    memory_size = (uint64_t)NUMBER("memory", 256) << 20;
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    commands = g_async_queue_new();
    cursor_commands = g_async_queue_new();
    qxl.base.sif = &qxl_interface.base;
    if (memory == MAP_FAILED || spice_server_add_interface(server, &qxl.base) != 0)
        return FALSE;
    QXLDevMemSlot slot = {.virt_start = (uintptr_t)memory, .virt_end = (uintptr_t)memory + memory_size, .addr_delta = (uintptr_t)memory};
    spice_qxl_add_memslot(&qxl, &slot);
    spice_server_add_interface(server, &keyboard.base);
    spice_server_add_interface(server, &mouse.base);
    spice_server_add_interface(server, &tablet.base);
    spice_server_vm_start(server);
    return TRUE;
}

int main(int argc, char **argv)
{
    GHashTable *options = g_hash_table_new(g_str_hash, g_str_equal);
    for (int n = 1; n < argc; n++) {
        char *value = strchr(argv[n], '=');
        if (!value) {
            fprintf(stderr, "draw-server: NAME=VALUE expected, not %s\n", argv[n]);
            return 2;
        }
        *value++ = 0;
        g_hash_table_insert(options, argv[n], value);
    }
    loop = g_main_loop_new(NULL, FALSE);
    if (!set_up(options)) {
        fprintf(stderr, "draw-server: spice-server refused its settings\n");
        return 1;
    }
    GIOChannel *input = g_io_channel_unix_new(0);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, NULL);
    report("ready", NULL);
    g_main_loop_run(loop);
    return 0;
}

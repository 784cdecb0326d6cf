/* gtk-client NAME=VALUE…: the real client library (spice-client-glib) without a screen.
 *
 * Arguments set the string properties of its session (host, port, tls-port, unix-path, uri, password, username, ca-file, cert-subject,
 * proxy); channels=main,display,… opens only those. What happens is reported on standard output, one JSON object a line with a member
 * "event". Commands come on standard input, one a line; the end of the input ends the program:
 *
 *   dump CHANNEL FILE          primary surface of display channel CHANNEL as PPM; 16-bit formats are widened, alpha is dropped
 *   key down|up SCANCODE       PC scan code, 0x100 added for those with prefix E0
 *   button down|up BUTTON MASK SPICE button number; MASK of the buttons held afterwards (on press) or before (on release)
 *   motion DX DY MASK          relative
 *   position X Y DISPLAY MASK  absolute
 *   leds MASK                  1 scroll, 2 num, 4 caps
 *   mouse-mode server|client
 *   monitors ID,X,Y,W,H …      asks the guest for these; every other monitor is disabled
 *   offer TYPE FILE            takes the clipboard: content of FILE, in a VD_AGENT_CLIPBOARD type; "offered" when it is said
 *   paste TYPE FILE            asks for the guest's clipboard; "pasted" when its content is in FILE
 *   send-file FILE             to the guest; "file-sent" with an error or without
 *   compression NUMBER         preferred image compression (SpiceImageCompression)
 *   share-cd FILE              plugs in a CD drive of its own making; "usb" when the guest has it, or with an error
 *   status                     channels with their counters
 *   disconnect
 */
#include <spice-client.h>
#include <stdio.h>
#include <string.h>

static SpiceSession *session;
static GMainLoop *loop;
static char **wanted;

typedef struct {
    SpiceChannel *channel;
    int type, id;
    gulong draws;
    guint x, y, width, height;
} Entry;

static GPtrArray *entries;

/* What is on the clipboard here, and where what is asked for goes. */
static char *offered, *pasted;

static void report(const char *event, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void report(const char *event, const char *format, ...)
{
    va_list list;
    printf("{\"event\":\"%s\"", event);
    if (format) {
        putchar(',');
        va_start(list, format);
        vprintf(format, list);
        va_end(list);
    }
    puts("}");
    fflush(stdout);
}

/* A text as the inside of a JSON string. */
static const char *quote(const char *text)
{
    static GString *out;
    if (!out)
        out = g_string_new(NULL);
    g_string_truncate(out, 0);
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(out, '\\');
        if ((guchar)*c < 32)
            g_string_append_printf(out, "\\u%04x", *c);
        else
            g_string_append_c(out, *c);
    }
    return out->str;
}

#define CHANNEL_FORMAT "\"channel\":\"%s\",\"id\":%d"
#define CHANNEL(entry) spice_channel_type_to_string((entry)->type), (entry)->id

static Entry *find(int type, int id)
{
    for (guint n = 0; n < entries->len; n++) {
        Entry *entry = entries->pdata[n];
        if (entry->type == type && (id < 0 || entry->id == id))
            return entry;
    }
    return NULL;
}

static void on_channel_event(SpiceChannel *channel, SpiceChannelEvent event, Entry *entry)
{
    GEnumClass *class = g_type_class_ref(SPICE_TYPE_CHANNEL_EVENT);
    GEnumValue *value = g_enum_get_value(class, event);
    const GError *error = spice_channel_get_error(channel);
    report("channel", CHANNEL_FORMAT ",\"state\":\"%s\",\"error\":\"%s\"", CHANNEL(entry), value ? value->value_nick : "?",
           quote(error ? error->message : ""));
    g_type_class_unref(class);
    /* The main channel's failure is the session's; the others stay closed, as in any client. */
    if (entry->type == SPICE_CHANNEL_MAIN && (event == SPICE_CHANNEL_ERROR_CONNECT || event == SPICE_CHANNEL_ERROR_TLS ||
                                              event == SPICE_CHANNEL_ERROR_LINK || event == SPICE_CHANNEL_ERROR_AUTH ||
                                              event == SPICE_CHANNEL_ERROR_IO))
        spice_session_disconnect(session);
}

static void on_primary_create(SpiceChannel *channel, int format, int width, int height, int stride, int shm, void *data, Entry *entry)
{
    (void)channel, (void)stride, (void)shm, (void)data;
    report("primary-create", "\"id\":%d,\"format\":%d,\"width\":%d,\"height\":%d", entry->id, format, width, height);
}

static void on_primary_destroy(SpiceChannel *channel, Entry *entry)
{
    (void)channel;
    report("primary-destroy", "\"id\":%d", entry->id);
}

static void on_invalidate(SpiceChannel *channel, int x, int y, int width, int height, Entry *entry)
{
    (void)channel;
    entry->draws++;
    entry->x = x, entry->y = y, entry->width = width, entry->height = height;
}

static void on_mark(SpiceChannel *channel, int mark, Entry *entry)
{
    (void)channel;
    report("mark", "\"id\":%d,\"mark\":%d", entry->id, mark);
}

static void on_monitors(GObject *channel, GParamSpec *spec, Entry *entry)
{
    (void)spec;
    GArray *monitors = NULL;
    GString *list = g_string_new(NULL);
    g_object_get(channel, "monitors", &monitors, NULL);
    for (guint n = 0; monitors && n < monitors->len; n++) {
        SpiceDisplayMonitorConfig *m = &g_array_index(monitors, SpiceDisplayMonitorConfig, n);
        g_string_append_printf(list, "%s{\"id\":%u,\"surface\":%u,\"x\":%u,\"y\":%u,\"width\":%u,\"height\":%u}", n ? "," : "", m->id,
                               m->surface_id, m->x, m->y, m->width, m->height);
    }
    report("monitors", "\"id\":%d,\"monitors\":[%s]", entry->id, list->str);
    g_string_free(list, TRUE);
    g_clear_pointer(&monitors, g_array_unref);
}

static void on_cursor_set(SpiceChannel *channel, GParamSpec *spec, Entry *entry)
{
    (void)spec;
    SpiceCursorShape *cursor = NULL;
    g_object_get(channel, "cursor", &cursor, NULL);
    if (cursor) {
        gchar *sum = cursor->data ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, cursor->data, (gsize)cursor->width * cursor->height * 4) : NULL;
        report("cursor", "\"id\":%d,\"type\":%d,\"width\":%d,\"height\":%d,\"hotX\":%d,\"hotY\":%d,\"sha256\":\"%s\"", entry->id, cursor->type,
               cursor->width, cursor->height, cursor->hot_spot_x, cursor->hot_spot_y, sum ? sum : "");
        g_free(sum);
        g_boxed_free(SPICE_TYPE_CURSOR_SHAPE, cursor);
    }
}

static void on_cursor_move(SpiceChannel *channel, int x, int y, Entry *entry)
{
    (void)channel;
    report("cursor-move", "\"id\":%d,\"x\":%d,\"y\":%d", entry->id, x, y);
}

static void on_cursor_hide(SpiceChannel *channel, Entry *entry)
{
    (void)channel;
    report("cursor-hide", "\"id\":%d", entry->id);
}

static void on_mouse_mode(SpiceChannel *channel, gpointer data)
{
    (void)data;
    int mode;
    g_object_get(channel, "mouse-mode", &mode, NULL);
    report("mouse-mode", "\"mode\":\"%s\"", mode == SPICE_MOUSE_MODE_SERVER ? "server" : "client");
}

static void on_agent(SpiceChannel *channel, gpointer data)
{
    (void)data;
    gboolean connected;
    g_object_get(channel, "agent-connected", &connected, NULL);
    report("agent", "\"connected\":%s", connected ? "true" : "false");
}

static void on_leds(SpiceChannel *channel, gpointer data)
{
    (void)data;
    int leds;
    g_object_get(channel, "key-modifiers", &leds, NULL);
    report("leds", "\"mask\":%d", leds);
}

static gboolean on_clipboard_grab(SpiceMainChannel *channel, guint selection, guint32 *types, guint count, gpointer data)
{
    (void)channel, (void)data;
    GString *list = g_string_new(NULL);
    for (guint n = 0; n < count; n++)
        g_string_append_printf(list, "%s%u", n ? "," : "", types[n]);
    report("clipboard-grab", "\"selection\":%u,\"types\":[%s]", selection, list->str);
    g_string_free(list, TRUE);
    return TRUE;
}

static gboolean on_clipboard_request(SpiceMainChannel *channel, guint selection, guint type, gpointer data)
{
    (void)data;
    gchar *content = NULL;
    gsize size = 0;
    if (!offered || !g_file_get_contents(offered, &content, &size, NULL))
        return FALSE;
    spice_main_channel_clipboard_selection_notify(channel, selection, type, (const guchar *)content, size);
    g_free(content);
    report("clipboard-request", "\"selection\":%u,\"type\":%u", selection, type);
    return TRUE;
}

static void on_clipboard(SpiceMainChannel *channel, guint selection, guint type, gpointer content, guint size, gpointer data)
{
    (void)channel, (void)data;
    gboolean written = pasted && g_file_set_contents(pasted, content, size, NULL);
    report("pasted", "\"selection\":%u,\"type\":%u,\"size\":%u,\"written\":%s", selection, type, size, written ? "true" : "false");
}

static void on_file_sent(GObject *source, GAsyncResult *result, gpointer data)
{
    (void)data;
    GError *error = NULL;
    spice_main_channel_file_copy_finish(SPICE_MAIN_CHANNEL(source), result, &error);
    report("file-sent", "\"error\":\"%s\"", quote(error ? error->message : ""));
    g_clear_error(&error);
}

static const char *share(SpiceMainChannel *channel, char **words, int count)
{
    if (!strcmp(words[0], "offer") && count == 3) {
        guint32 type = strtoul(words[1], NULL, 0);
        g_free(offered);
        offered = g_strdup(words[2]);
        spice_main_channel_clipboard_selection_grab(channel, 0, &type, 1);
        report("offered", NULL);
        return NULL;
    }
    if (!strcmp(words[0], "paste") && count == 3) {
        g_free(pasted);
        pasted = g_strdup(words[2]);
        spice_main_channel_clipboard_selection_request(channel, 0, strtoul(words[1], NULL, 0));
        return NULL;
    }
    if (!strcmp(words[0], "send-file") && count == 2) {
        GFile *files[] = {g_file_new_for_path(words[1]), NULL};
        spice_main_channel_file_copy_async(channel, files, 0, NULL, NULL, NULL, on_file_sent, NULL);
        g_object_unref(files[0]);
        return NULL;
    }
    return "offer TYPE FILE, paste TYPE FILE or send-file FILE";
}

static void on_usb_connected(GObject *manager, GAsyncResult *result, gpointer data)
{
    (void)data;
    GError *error = NULL;
    spice_usb_device_manager_connect_device_finish(SPICE_USB_DEVICE_MANAGER(manager), result, &error);
    report("usb", "\"error\":\"%s\"", quote(error ? error->message : ""));
    g_clear_error(&error);
}

static void on_usb_added(SpiceUsbDeviceManager *manager, SpiceUsbDevice *device, gpointer data)
{
    (void)data;
    spice_usb_device_manager_connect_device_async(manager, device, NULL, on_usb_connected, NULL);
}

static const char *share_cd(char *file)
{
    static gulong handler;
    GError *error = NULL;
    SpiceUsbDeviceManager *manager = spice_usb_device_manager_get(session, &error);
    if (manager && !handler)
        handler = g_signal_connect(manager, "device-added", G_CALLBACK(on_usb_added), NULL);
    if (manager && spice_usb_device_manager_create_shared_cd_device(manager, file, &error))
        return NULL;
    report("usb", "\"error\":\"%s\"", quote(error ? error->message : "no device manager"));
    g_clear_error(&error);
    return NULL;
}

static void on_channel_new(SpiceSession *s, SpiceChannel *channel, gpointer data)
{
    (void)s, (void)data;
    Entry *entry = g_new0(Entry, 1);
    entry->channel = channel;
    g_object_get(channel, "channel-type", &entry->type, "channel-id", &entry->id, NULL);
    g_ptr_array_add(entries, entry);
    report("channel-new", CHANNEL_FORMAT, CHANNEL(entry));
    g_signal_connect(channel, "channel-event", G_CALLBACK(on_channel_event), entry);
    switch (entry->type) {
    case SPICE_CHANNEL_MAIN:
        g_signal_connect(channel, "main-mouse-update", G_CALLBACK(on_mouse_mode), NULL);
        g_signal_connect(channel, "main-agent-update", G_CALLBACK(on_agent), NULL);
        g_signal_connect(channel, "main-clipboard-selection-grab", G_CALLBACK(on_clipboard_grab), NULL);
        g_signal_connect(channel, "main-clipboard-selection-request", G_CALLBACK(on_clipboard_request), NULL);
        g_signal_connect(channel, "main-clipboard-selection", G_CALLBACK(on_clipboard), NULL);
        break;
    case SPICE_CHANNEL_DISPLAY:
        g_signal_connect(channel, "display-primary-create", G_CALLBACK(on_primary_create), entry);
        g_signal_connect(channel, "display-primary-destroy", G_CALLBACK(on_primary_destroy), entry);
        g_signal_connect(channel, "display-invalidate", G_CALLBACK(on_invalidate), entry);
        g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), entry);
        g_signal_connect(channel, "notify::monitors", G_CALLBACK(on_monitors), entry);
        break;
    case SPICE_CHANNEL_CURSOR:
        g_signal_connect(channel, "notify::cursor", G_CALLBACK(on_cursor_set), entry);
        g_signal_connect(channel, "cursor-move", G_CALLBACK(on_cursor_move), entry);
        g_signal_connect(channel, "cursor-hide", G_CALLBACK(on_cursor_hide), entry);
        break;
    case SPICE_CHANNEL_INPUTS:
        g_signal_connect(channel, "inputs-modifiers", G_CALLBACK(on_leds), NULL);
        break;
    }
    if (!wanted || g_strv_contains((const gchar *const *)wanted, spice_channel_type_to_string(entry->type)))
        spice_channel_connect(channel);
}

static void on_channel_destroy(SpiceSession *s, SpiceChannel *channel, gpointer data)
{
    (void)s, (void)data;
    for (guint n = 0; n < entries->len; n++) {
        Entry *entry = entries->pdata[n];
        if (entry->channel == channel) {
            report("channel-destroy", CHANNEL_FORMAT, CHANNEL(entry));
            g_signal_handlers_disconnect_by_data(channel, entry);
            g_ptr_array_remove_index(entries, n);
            return;
        }
    }
}

static void on_migration(GObject *object, GParamSpec *spec, gpointer data)
{
    (void)spec, (void)data;
    static const char *names[] = {"none", "switching", "migrating", "connecting"};
    int state;
    g_object_get(object, "migration-state", &state, NULL);
    report("migration", "\"state\":\"%s\"", names[state & 3]);
}

static void on_disconnected(SpiceSession *s, gpointer data)
{
    (void)s, (void)data;
    report("disconnected", NULL);
}

static void put_pixel(FILE *file, int format, const guint8 *row, int x)
{
    guint16 v;
    switch (format) {
    case SPICE_SURFACE_FMT_32_xRGB:
    case SPICE_SURFACE_FMT_32_ARGB:
        row += 4 * x;
        putc(row[2], file), putc(row[1], file), putc(row[0], file);
        return;
    case SPICE_SURFACE_FMT_16_555:
        v = ((const guint16 *)row)[x];
        for (int shift = 10; shift >= 0; shift -= 5)
            putc((v >> shift & 31) << 3 | (v >> shift & 31) >> 2, file);
        return;
    case SPICE_SURFACE_FMT_16_565:
        v = ((const guint16 *)row)[x];
        putc((v >> 11) << 3 | v >> 13, file);
        putc((v >> 5 & 63) << 2 | (v >> 9 & 3), file);
        putc((v & 31) << 3 | (v >> 2 & 7), file);
        return;
    default:
        for (int n = 0; n < 3; n++)
            putc(format == SPICE_SURFACE_FMT_8_A ? row[x] : row[x / 8] >> (x & 7) & 1 ? 255 : 0, file);
    }
}

static const char *dump(int id, const char *path)
{
    Entry *entry = find(SPICE_CHANNEL_DISPLAY, id);
    SpiceDisplayPrimary primary;
    if (!entry || !spice_display_channel_get_primary(entry->channel, 0, &primary) || !primary.data)
        return "there is no primary surface";
    FILE *file = fopen(path, "wb");
    if (!file)
        return "the file cannot be written";
    fprintf(file, "P6\n%d %d\n255\n", primary.width, primary.height);
    for (int y = 0; y < primary.height; y++)
        for (int x = 0; x < primary.width; x++)
            put_pixel(file, primary.format, primary.data + (gssize)y * primary.stride, x);
    if (fclose(file) != 0)
        return "the file cannot be written";
    report("dumped", "\"id\":%d,\"width\":%d,\"height\":%d,\"format\":%d,\"marked\":%s", id, primary.width, primary.height, primary.format,
           primary.marked ? "true" : "false");
    return NULL;
}

static void status(void)
{
    GString *list = g_string_new(NULL);
    for (guint n = 0; n < entries->len; n++) {
        Entry *entry = entries->pdata[n];
        gulong bytes = 0;
        g_object_get(entry->channel, "total-read-bytes", &bytes, NULL);
        g_string_append_printf(list, "%s{" CHANNEL_FORMAT ",\"bytes\":%lu,\"draws\":%lu,\"lastBox\":[%u,%u,%u,%u]}", n ? "," : "", CHANNEL(entry),
                               bytes, entry->draws, entry->x, entry->y, entry->width, entry->height);
    }
    report("status", "\"channels\":[%s]", list->str);
    g_string_free(list, TRUE);
}

static const char *monitors(SpiceMainChannel *channel, char **words, int count)
{
    gboolean used[16] = {FALSE};
    for (int n = 0; n < count; n++) {
        int id, x, y, width, height;
        if (sscanf(words[n], "%d,%d,%d,%d,%d", &id, &x, &y, &width, &height) != 5 || id < 0 || id > 15)
            return "a monitor is ID,X,Y,W,H";
        used[id] = TRUE;
        spice_main_channel_update_display_enabled(channel, id, TRUE, FALSE);
        spice_main_channel_update_display(channel, id, x, y, width, height, FALSE);
    }
    for (int id = 0; id < 16; id++)
        if (!used[id])
            spice_main_channel_update_display_enabled(channel, id, FALSE, FALSE);
    return spice_main_channel_send_monitor_config(channel) ? NULL : "the agent is not there";
}

static const char *command(char **words, int count)
{
    Entry *main_entry = find(SPICE_CHANNEL_MAIN, -1), *inputs_entry = find(SPICE_CHANNEL_INPUTS, -1);
    SpiceInputsChannel *inputs = inputs_entry ? SPICE_INPUTS_CHANNEL(inputs_entry->channel) : NULL;
    int numbers[5] = {0};
    for (int n = 1; n < count && n <= 4; n++)
        numbers[n] = strtol(words[n], NULL, 0);
    gboolean down = count > 1 && !strcmp(words[1], "down");
#define IS(name, words_needed) (!strcmp(words[0], name) && count == 1 + (words_needed))
    if (IS("dump", 2))
        return dump(numbers[1], words[2]);
    if (IS("status", 0))
        return status(), NULL;
    if (IS("share-cd", 1))
        return share_cd(words[1]);
    if (IS("disconnect", 0))
        return spice_session_disconnect(session), NULL;
    if (!strcmp(words[0], "monitors"))
        return main_entry ? monitors(SPICE_MAIN_CHANNEL(main_entry->channel), words + 1, count - 1) : "there is no main channel";
    if (!strcmp(words[0], "offer") || !strcmp(words[0], "paste") || !strcmp(words[0], "send-file"))
        return main_entry ? share(SPICE_MAIN_CHANNEL(main_entry->channel), words, count) : "there is no main channel";
    if (IS("mouse-mode", 1)) {
        if (!main_entry)
            return "there is no main channel";
        spice_main_channel_request_mouse_mode(SPICE_MAIN_CHANNEL(main_entry->channel),
                                              strcmp(words[1], "server") ? SPICE_MOUSE_MODE_CLIENT : SPICE_MOUSE_MODE_SERVER);
        return NULL;
    }
    if (IS("compression", 1)) {
        for (guint n = 0; n < entries->len; n++) {
            Entry *entry = entries->pdata[n];
            if (entry->type == SPICE_CHANNEL_DISPLAY)
                spice_display_channel_change_preferred_compression(entry->channel, numbers[1]);
        }
        return NULL;
    }
    if (!inputs)
        return "there is no such command, or no inputs channel";
    if (IS("key", 2))
        (down ? spice_inputs_channel_key_press : spice_inputs_channel_key_release)(inputs, numbers[2]);
    else if (IS("button", 3))
        (down ? spice_inputs_channel_button_press : spice_inputs_channel_button_release)(inputs, numbers[2], numbers[3]);
    else if (IS("motion", 3))
        spice_inputs_channel_motion(inputs, numbers[1], numbers[2], numbers[3]);
    else if (IS("position", 4))
        spice_inputs_channel_position(inputs, numbers[1], numbers[2], numbers[3], numbers[4]);
    else if (IS("leds", 1))
        spice_inputs_channel_set_key_locks(inputs, numbers[1]);
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

int main(int argc, char **argv)
{
    session = spice_session_new();
    /* The channels are opened all the same; only the sound system of this machine is left alone. */
    g_object_set(session, "enable-audio", FALSE, NULL);
    entries = g_ptr_array_new_with_free_func(g_free);
    loop = g_main_loop_new(NULL, FALSE);
    for (int n = 1; n < argc; n++) {
        char *value = strchr(argv[n], '=');
        if (!value) {
            fprintf(stderr, "gtk-client: NAME=VALUE expected, not %s\n", argv[n]);
            return 2;
        }
        *value++ = 0;
        if (!strcmp(argv[n], "channels"))
            wanted = g_strsplit(value, ",", -1);
        else
            g_object_set(session, argv[n], value, NULL);
    }
    g_signal_connect(session, "channel-new", G_CALLBACK(on_channel_new), NULL);
    g_signal_connect(session, "channel-destroy", G_CALLBACK(on_channel_destroy), NULL);
    g_signal_connect(session, "disconnected", G_CALLBACK(on_disconnected), NULL);
    g_signal_connect(session, "notify::migration-state", G_CALLBACK(on_migration), NULL);
    GIOChannel *input = g_io_channel_unix_new(0);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, NULL);
    if (!spice_session_connect(session)) {
        fprintf(stderr, "gtk-client: the session has no address\n");
        return 2;
    }
    g_main_loop_run(loop);
    return 0;
}

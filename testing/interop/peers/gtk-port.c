/* gtk-port NAME=VALUE…: the port channels of the real client library (spice-client-glib). What a port says is sent back as it came.
 *
 * Arguments set the string properties of the session, as in gtk-client. What happens is reported on standard output, one JSON object a
 * line: {"event":"port","name":…,"opened":…} at the beginning and at each change, {"event":"data","id":…,"bytes":…} with the total so
 * far. Commands come on standard input:
 *
 *   break ID                   sends a break on port channel ID
 *   migration                  reports the session's migration state
 */
#include <spice-client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SpiceSession *session;
static GMainLoop *loop;

typedef struct {
    SpiceChannel *channel;
    int id;
    guint64 bytes;
} Port;

static GPtrArray *ports;

static int id_of(SpiceChannel *channel)
{
    int id;
    g_object_get(channel, "channel-id", &id, NULL);
    return id;
}

static void on_written(GObject *channel, GAsyncResult *result, gpointer bytes)
{
    GError *error = NULL;
    if (spice_port_channel_write_finish(SPICE_PORT_CHANNEL(channel), result, &error) < 0) {
        printf("{\"event\":\"write-error\",\"id\":%d}\n", id_of(SPICE_CHANNEL(channel)));
        g_clear_error(&error);
    }
    fflush(stdout);
    g_free(bytes);
}

static void on_data(SpicePortChannel *channel, gpointer data, int size, Port *port)
{
    port->bytes += size;
    void *copy = g_memdup2(data, size);
    spice_port_channel_write_async(channel, copy, size, NULL, on_written, copy);
    printf("{\"event\":\"data\",\"id\":%d,\"bytes\":%" G_GUINT64_FORMAT "}\n", port->id, port->bytes);
    fflush(stdout);
}

static void on_opened(GObject *channel, GParamSpec *spec, Port *port)
{
    char *name;
    gboolean opened;
    (void)spec;
    g_object_get(channel, "port-name", &name, "port-opened", &opened, NULL);
    printf("{\"event\":\"port\",\"id\":%d,\"name\":\"%s\",\"opened\":%s}\n", port->id, name ? name : "", opened ? "true" : "false");
    fflush(stdout);
    g_free(name);
}

static void on_channel_new(SpiceSession *owner, SpiceChannel *channel, gpointer data)
{
    (void)owner, (void)data;
    if (!SPICE_IS_PORT_CHANNEL(channel)) {
        /* As any client does; in a move it links them to the target in any case. */
        spice_channel_connect(channel);
        return;
    }
    Port *port = g_new0(Port, 1);
    port->channel = channel;
    port->id = id_of(channel);
    g_ptr_array_add(ports, port);
    g_signal_connect(channel, "port-data", G_CALLBACK(on_data), port);
    g_signal_connect(channel, "notify::port-opened", G_CALLBACK(on_opened), port);
    spice_channel_connect(channel);
}

static void on_migration(GObject *object, GParamSpec *spec, gpointer data)
{
    int state;
    (void)spec, (void)data;
    g_object_get(object, "migration-state", &state, NULL);
    printf("{\"event\":\"migration\",\"state\":%d}\n", state);
    fflush(stdout);
}

static void on_disconnected(SpiceSession *owner, gpointer data)
{
    (void)owner, (void)data;
    printf("{\"event\":\"disconnected\"}\n");
    fflush(stdout);
    g_main_loop_quit(loop);
}

static gboolean on_input(GIOChannel *source, GIOCondition condition, gpointer data)
{
    char *line = NULL;
    (void)condition, (void)data;
    if (g_io_channel_read_line(source, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(loop);
        return FALSE;
    }
    if (g_str_has_prefix(line, "break "))
        for (guint n = 0; n < ports->len; n++) {
            Port *port = ports->pdata[n];
            if (port->id == atoi(line + 6))
                spice_port_channel_event(SPICE_PORT_CHANNEL(port->channel), SPICE_PORT_EVENT_BREAK);
        }
    if (g_str_has_prefix(line, "migration"))
        on_migration(G_OBJECT(session), NULL, NULL);
    g_free(line);
    return TRUE;
}

int main(int argc, char **argv)
{
    session = spice_session_new();
    g_object_set(session, "enable-audio", FALSE, NULL);
    ports = g_ptr_array_new();
    loop = g_main_loop_new(NULL, FALSE);
    for (int n = 1; n < argc; n++) {
        char *value = strchr(argv[n], '=');
        if (!value)
            return 2;
        *value++ = 0;
        g_object_set(session, argv[n], value, NULL);
    }
    g_signal_connect(session, "channel-new", G_CALLBACK(on_channel_new), NULL);
    g_signal_connect(session, "disconnected", G_CALLBACK(on_disconnected), NULL);
    g_signal_connect(session, "notify::migration-state", G_CALLBACK(on_migration), NULL);
    g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, on_input, NULL);
    if (!spice_session_connect(session))
        return 2;
    g_main_loop_run(loop);
    return 0;
}

/* gtk-sound FILE NAME=VALUE…: the sound channels of the real client library (spice-client-glib), without a sound card.
 *
 * What is played is appended to FILE as it is decoded: samples of 16 bits, interleaved. What the guest hears is a square wave of 16 samples.
 * Arguments set the string properties of the session, as in gtk-client. What happens is reported on standard output, one JSON object a line:
 * {"event":"start","channels":…,"frequency":…}, {"event":"stop"}, {"event":"volume","left":…}, {"event":"record","channels":…}, {"event":"silence"}.
 */
#include <spice-client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SpiceSession *session;
static GMainLoop *loop;
static FILE *file;
static SpiceRecordChannel *record;
static guint speaking;
static int record_channels;
static guint32 media_time;

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static void on_start(SpicePlaybackChannel *channel, gint format, gint channels, gint frequency, gpointer data)
{
    (void)channel, (void)format, (void)data;
    printf("{\"event\":\"start\",\"channels\":%d,\"frequency\":%d}\n", channels, frequency);
    fflush(stdout);
}

static void on_data(SpicePlaybackChannel *channel, gpointer samples, gint size, gpointer data)
{
    (void)channel, (void)data;
    fwrite(samples, 1, size, file);
    fflush(file);
}

static void on_stop(SpicePlaybackChannel *channel, gpointer data)
{
    (void)channel, (void)data;
    say("{\"event\":\"stop\"}");
}

static void on_volume(GObject *channel, GParamSpec *spec, gpointer data)
{
    guint16 *volume;
    guint count;
    (void)spec, (void)data;
    g_object_get(channel, "volume", &volume, "nchannels", &count, NULL);
    printf("{\"event\":\"volume\",\"left\":%u}\n", count > 0 && volume ? volume[0] : 0);
    fflush(stdout);
}

static gboolean speak(gpointer data)
{
    static gint16 samples[480 * 2];
    (void)data;
    for (int n = 0; n < 480; n++)
        for (int c = 0; c < record_channels && c < 2; c++)
            samples[n * record_channels + c] = (n & 8) ? 5000 : -5000;
    spice_record_channel_send_data(record, samples, 480 * 2 * record_channels, media_time += 10);
    return TRUE;
}

static void on_record_start(SpiceRecordChannel *channel, gint format, gint channels, gint frequency, gpointer data)
{
    (void)format, (void)frequency, (void)data;
    record = channel;
    record_channels = channels;
    printf("{\"event\":\"record\",\"channels\":%d}\n", channels);
    fflush(stdout);
    if (!speaking)
        speaking = g_timeout_add(10, speak, NULL);
}

static void on_record_stop(SpiceRecordChannel *channel, gpointer data)
{
    (void)channel, (void)data;
    if (speaking)
        g_source_remove(speaking);
    speaking = 0;
    say("{\"event\":\"silence\"}");
}

static void on_channel_new(SpiceSession *owner, SpiceChannel *channel, gpointer data)
{
    (void)owner, (void)data;
    if (SPICE_IS_PLAYBACK_CHANNEL(channel)) {
        g_signal_connect(channel, "playback-start", G_CALLBACK(on_start), NULL);
        g_signal_connect(channel, "playback-data", G_CALLBACK(on_data), NULL);
        g_signal_connect(channel, "playback-stop", G_CALLBACK(on_stop), NULL);
        g_signal_connect(channel, "notify::volume", G_CALLBACK(on_volume), NULL);
    } else if (SPICE_IS_RECORD_CHANNEL(channel)) {
        g_signal_connect(channel, "record-start", G_CALLBACK(on_record_start), NULL);
        g_signal_connect(channel, "record-stop", G_CALLBACK(on_record_stop), NULL);
    } else
        return;
    spice_channel_connect(channel);
}

static void on_disconnected(SpiceSession *owner, gpointer data)
{
    (void)owner, (void)data;
    say("{\"event\":\"disconnected\"}");
    g_main_loop_quit(loop);
}

static gboolean on_input(GIOChannel *source, GIOCondition condition, gpointer data)
{
    (void)source, (void)condition, (void)data;
    g_main_loop_quit(loop);
    return FALSE;
}

int main(int argc, char **argv)
{
    if (argc < 2 || !(file = fopen(argv[1], "wb")))
        return 2;
    session = spice_session_new();
    loop = g_main_loop_new(NULL, FALSE);
    for (int n = 2; n < argc; n++) {
        char *value = strchr(argv[n], '=');
        if (!value)
            return 2;
        *value++ = 0;
        g_object_set(session, argv[n], value, NULL);
    }
    g_signal_connect(session, "channel-new", G_CALLBACK(on_channel_new), NULL);
    g_signal_connect(session, "disconnected", G_CALLBACK(on_disconnected), NULL);
    g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, on_input, NULL);
    if (!spice_session_connect(session))
        return 2;
    g_main_loop_run(loop);
    return 0;
}

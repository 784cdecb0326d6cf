/* usbredir-peer host|guest CAPABILITIES: one end of a usbredir connection, by the real libusbredirparser.
 *
 * CAPABILITIES is the first capability word. Commands come on standard input, one a line; everything is reported on standard output, one
 * JSON object a line with a member "event":
 *
 *   read HEX                   gives bytes to the parser: reports "packet" for each packet and "fault" for each that makes no sense
 *   send NAME ID FIELD=…       calls the library's function of that packet, fields named as in its header; lists with commas, data=HEX
 *   flush                      reports what is to be sent: "bytes" with "hex"
 *   filter RULES               reports the rules as the library writes them, or "fault"
 *
 * A command is answered by "done" when all else of it has been reported.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usbredirfilter.h>
#include <usbredirparser.h>

static struct usbredirparser *parser;
static uint8_t *input;
static int input_size, input_at;

/* The fields of every packet: S a number, A a list of numbers. */
#define FIELDS_device_connect(S, A) \
    S(speed) S(device_class) S(device_subclass) S(device_protocol) S(vendor_id) S(product_id) S(device_version_bcd)
#define FIELDS_interface_info(S, A) \
    S(interface_count) A(interface) A(interface_class) A(interface_subclass) A(interface_protocol)
#define FIELDS_ep_info(S, A) A(type) A(interval) A(interface) A(max_packet_size) A(max_streams)
#define FIELDS_set_configuration(S, A) S(configuration)
#define FIELDS_configuration_status(S, A) S(status) S(configuration)
#define FIELDS_set_alt_setting(S, A) S(interface) S(alt)
#define FIELDS_get_alt_setting(S, A) S(interface)
#define FIELDS_alt_setting_status(S, A) S(status) S(interface) S(alt)
#define FIELDS_start_iso_stream(S, A) S(endpoint) S(pkts_per_urb) S(no_urbs)
#define FIELDS_stop_iso_stream(S, A) S(endpoint)
#define FIELDS_iso_stream_status(S, A) S(status) S(endpoint)
#define FIELDS_start_interrupt_receiving(S, A) S(endpoint)
#define FIELDS_stop_interrupt_receiving(S, A) S(endpoint)
#define FIELDS_interrupt_receiving_status(S, A) S(status) S(endpoint)
#define FIELDS_alloc_bulk_streams(S, A) S(endpoints) S(no_streams)
#define FIELDS_free_bulk_streams(S, A) S(endpoints)
#define FIELDS_bulk_streams_status(S, A) S(endpoints) S(no_streams) S(status)
#define FIELDS_start_bulk_receiving(S, A) S(stream_id) S(bytes_per_transfer) S(endpoint) S(no_transfers)
#define FIELDS_stop_bulk_receiving(S, A) S(stream_id) S(endpoint)
#define FIELDS_bulk_receiving_status(S, A) S(stream_id) S(endpoint) S(status)
#define FIELDS_control_packet(S, A) S(endpoint) S(request) S(requesttype) S(status) S(value) S(index) S(length)
#define FIELDS_bulk_packet(S, A) S(endpoint) S(status) S(length) S(stream_id) S(length_high)
#define FIELDS_iso_packet(S, A) S(endpoint) S(status) S(length)
#define FIELDS_interrupt_packet(S, A) S(endpoint) S(status) S(length)
#define FIELDS_buffered_bulk_packet(S, A) S(stream_id) S(length) S(endpoint) S(status)

#define NO_ID_WITH_HEADER(X) X(device_connect) X(interface_info) X(ep_info)
#define NO_ID_BARE(X) X(device_disconnect) X(reset) X(filter_reject)
#define ID_BARE(X) X(get_configuration) X(cancel_data_packet)
#define ID_WITH_HEADER(X) \
    X(set_configuration) X(configuration_status) X(set_alt_setting) X(get_alt_setting) X(alt_setting_status) X(start_iso_stream) \
    X(stop_iso_stream) X(iso_stream_status) X(start_interrupt_receiving) X(stop_interrupt_receiving) X(interrupt_receiving_status) \
    X(alloc_bulk_streams) X(free_bulk_streams) X(bulk_streams_status) X(start_bulk_receiving) X(stop_bulk_receiving) \
    X(bulk_receiving_status)
#define WITH_DATA(X) X(control_packet) X(bulk_packet) X(iso_packet) X(interrupt_packet) X(buffered_bulk_packet)

static void put_hex(const uint8_t *bytes, int size)
{
    for (int n = 0; n < size; n++)
        printf("%02x", bytes[n]);
}

#define PUT(field) printf(",\"" #field "\":%u", (unsigned)header->field);
#define PUT_LIST(field) \
    printf(",\"" #field "\":["); \
    for (unsigned n = 0; n < sizeof(header->field) / sizeof(header->field[0]); n++) \
        printf("%s%u", n ? "," : "", (unsigned)header->field[n]); \
    printf("]");

static void begin(const char *name, uint64_t id)
{
    printf("{\"event\":\"packet\",\"name\":\"%s\",\"id\":\"%" PRIu64 "\"", name, id);
}

#define ON_NO_ID_WITH_HEADER(name) \
    static void on_##name(void *priv, struct usb_redir_##name##_header *header) \
    { \
        (void)priv; \
        begin(#name, 0); \
        FIELDS_##name(PUT, PUT_LIST) puts("}"); \
    }
#define ON_NO_ID_BARE(name) \
    static void on_##name(void *priv) \
    { \
        (void)priv; \
        begin(#name, 0); \
        puts("}"); \
    }
#define ON_ID_BARE(name) \
    static void on_##name(void *priv, uint64_t id) \
    { \
        (void)priv; \
        begin(#name, id); \
        puts("}"); \
    }
#define ON_ID_WITH_HEADER(name) \
    static void on_##name(void *priv, uint64_t id, struct usb_redir_##name##_header *header) \
    { \
        (void)priv; \
        begin(#name, id); \
        FIELDS_##name(PUT, PUT_LIST) puts("}"); \
    }
#define ON_WITH_DATA(name) \
    static void on_##name(void *priv, uint64_t id, struct usb_redir_##name##_header *header, uint8_t *data, int size) \
    { \
        (void)priv; \
        begin(#name, id); \
        FIELDS_##name(PUT, PUT_LIST) printf(",\"data\":\""); \
        put_hex(data, size); \
        puts("\"}"); \
        usbredirparser_free_packet_data(parser, data); \
    }

NO_ID_WITH_HEADER(ON_NO_ID_WITH_HEADER)
NO_ID_BARE(ON_NO_ID_BARE)
ON_NO_ID_BARE(device_disconnect_ack)
ID_BARE(ON_ID_BARE)
ID_WITH_HEADER(ON_ID_WITH_HEADER)
WITH_DATA(ON_WITH_DATA)

static void on_hello(void *priv, struct usb_redir_hello_header *hello)
{
    (void)priv;
    begin("hello", 0);
    printf(",\"version\":\"%.63s\"}\n", hello->version);
}

static void on_filter_filter(void *priv, struct usbredirfilter_rule *rules, int count)
{
    (void)priv;
    char *text = usbredirfilter_rules_to_string(rules, count, ",", "|");
    begin("filter_filter", 0);
    printf(",\"rules\":\"%s\"}\n", text ? text : "");
    usbredirfilter_free(text);
    usbredirfilter_free(rules);
}

static void on_log(void *priv, int level, const char *message)
{
    (void)priv;
    if (level <= usbredirparser_warning)
        fprintf(stderr, "%s\n", message);
}

static int on_read(void *priv, uint8_t *data, int size)
{
    (void)priv;
    if (size > input_size - input_at)
        size = input_size - input_at;
    memcpy(data, input + input_at, size);
    input_at += size;
    return size;
}

static int on_write(void *priv, uint8_t *data, int size)
{
    (void)priv;
    put_hex(data, size);
    usbredirparser_free_write_buffer(parser, data);
    return size;
}

static char *words[64];
static int word_count;

static const char *argument(const char *name)
{
    size_t size = strlen(name);
    for (int n = 3; n < word_count; n++)
        if (!strncmp(words[n], name, size) && words[n][size] == '=')
            return words[n] + size + 1;
    return "0";
}

static uint8_t *from_hex(const char *hex, int *size)
{
    *size = strlen(hex) / 2;
    uint8_t *bytes = malloc(*size + 1);
    for (int n = 0; n < *size; n++) {
        unsigned byte;
        sscanf(hex + 2 * n, "%2x", &byte);
        bytes[n] = byte;
    }
    return bytes;
}

#define GET(field) header.field = strtoul(argument(#field), NULL, 10);
#define GET_LIST(field) \
    { \
        const char *at = argument(#field); \
        for (unsigned n = 0; n < sizeof(header.field) / sizeof(header.field[0]); n++) { \
            char *end; \
            header.field[n] = strtoul(at, &end, 10); \
            at = *end == ',' ? end + 1 : end; \
        } \
    }

static bool send_packet(void)
{
    const char *name = words[1];
    uint64_t id = strtoull(words[2], NULL, 10);
#define SEND_NO_ID_WITH_HEADER(packet) \
    if (!strcmp(name, #packet)) { \
        struct usb_redir_##packet##_header header; \
        FIELDS_##packet(GET, GET_LIST) usbredirparser_send_##packet(parser, &header); \
        return true; \
    }
#define SEND_NO_ID_BARE(packet) \
    if (!strcmp(name, #packet)) { \
        usbredirparser_send_##packet(parser); \
        return true; \
    }
#define SEND_ID_BARE(packet) \
    if (!strcmp(name, #packet)) { \
        usbredirparser_send_##packet(parser, id); \
        return true; \
    }
#define SEND_ID_WITH_HEADER(packet) \
    if (!strcmp(name, #packet)) { \
        struct usb_redir_##packet##_header header; \
        FIELDS_##packet(GET, GET_LIST) usbredirparser_send_##packet(parser, id, &header); \
        return true; \
    }
#define SEND_WITH_DATA(packet) \
    if (!strcmp(name, #packet)) { \
        struct usb_redir_##packet##_header header; \
        int size; \
        FIELDS_##packet(GET, GET_LIST) const char *hex = argument("data"); \
        uint8_t *data = from_hex(strcmp(hex, "0") ? hex : "", &size); \
        usbredirparser_send_##packet(parser, id, &header, size ? data : NULL, size); \
        free(data); \
        return true; \
    }
    NO_ID_WITH_HEADER(SEND_NO_ID_WITH_HEADER)
    NO_ID_BARE(SEND_NO_ID_BARE)
    ID_BARE(SEND_ID_BARE)
    ID_WITH_HEADER(SEND_ID_WITH_HEADER)
    WITH_DATA(SEND_WITH_DATA)
    if (!strcmp(name, "filter_filter")) {
        struct usbredirfilter_rule *rules;
        int count;
        if (usbredirfilter_string_to_rules(argument("rules"), ",", "|", &rules, &count))
            return false;
        usbredirparser_send_filter_filter(parser, rules, count);
        usbredirfilter_free(rules);
        return true;
    }
    return false;
}

static void command(void)
{
    if (!strcmp(words[0], "read") && word_count == 2) {
        input = from_hex(words[1], &input_size);
        input_at = 0;
        while (usbredirparser_do_read(parser) == usbredirparser_read_parse_error)
            puts("{\"event\":\"fault\"}");
        free(input);
    } else if (!strcmp(words[0], "send") && word_count >= 3) {
        if (!send_packet())
            puts("{\"event\":\"fault\"}");
    } else if (!strcmp(words[0], "flush")) {
        printf("{\"event\":\"bytes\",\"hex\":\"");
        usbredirparser_do_write(parser);
        puts("\"}");
    } else if (!strcmp(words[0], "filter") && word_count == 2) {
        struct usbredirfilter_rule *rules;
        int count;
        if (usbredirfilter_string_to_rules(words[1], ",", "|", &rules, &count)) {
            puts("{\"event\":\"fault\"}");
        } else {
            char *text = usbredirfilter_rules_to_string(rules, count, ",", "|");
            printf("{\"event\":\"rules\",\"rules\":\"%s\"}\n", text ? text : "");
            usbredirfilter_free(text);
            usbredirfilter_free(rules);
        }
    }
    puts("{\"event\":\"done\"}");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    bool is_host = !strcmp(argv[1], "host");
    uint32_t capabilities = strtoul(argv[2], NULL, 10);
    parser = usbredirparser_create();
    parser->log_func = on_log;
    parser->read_func = on_read;
    parser->write_func = on_write;
#define SET(name) parser->name##_func = on_##name;
    NO_ID_WITH_HEADER(SET)
    NO_ID_BARE(SET)
    ID_BARE(SET)
    ID_WITH_HEADER(SET)
    WITH_DATA(SET)
    SET(hello)
    SET(filter_filter)
    SET(device_disconnect_ack)
    usbredirparser_init(parser, "usbredir-peer", &capabilities, 1,
                        usbredirparser_fl_write_cb_owns_buffer | (is_host ? usbredirparser_fl_usb_host : 0));
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        char *rest = line;
        word_count = 0;
        for (char *word; (word = strsep(&rest, " \n")) && word_count < 64;)
            if (*word)
                words[word_count++] = word;
        if (word_count)
            command();
    }
    usbredirparser_destroy(parser);
    return 0;
}

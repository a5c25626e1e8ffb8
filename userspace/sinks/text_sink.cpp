// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/text_sink.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/utf8.h"
#include "events/fields.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

// Where columns start, so that usual lines fit into 100; with -T everything moves right by kTimeColumns.
constexpr std::size_t kTimeColumns = 16;
constexpr std::size_t kComm = 8, kEvent = 20, kLocal = 30, kRemoteColumn = 48, kDetail = 66;
// Room for a line besides the texts whose length only the event knows.
constexpr std::size_t kFixedBytes = 1024;

std::size_t text_bytes(const Event& event) {
    if (const auto* exec = std::get_if<ProcessExec>(&event.detail)) return exec->filename.size();
    if (const auto* lost = std::get_if<LostEvents>(&event.detail)) return lost->loss_class.size();
    if (const auto* finding = std::get_if<FindingEvent>(&event.detail)) {
        std::size_t bytes = finding->rule.size() + finding->severity.size() + finding->title.size();
        for (const std::string& advice : finding->advice) bytes += advice.size() + 2;
        return bytes;
    }
    return 0;
}

// Writes one line and knows the column it is at.
class Line {
public:
    explicit Line(char* begin) : begin_(begin), out_(begin) {}

    // Moves to `column`, or one blank on when the line is already past it.
    void start_column(std::size_t column) {
        const std::size_t at = columns();
        const std::size_t blanks = at < column ? column - at : (at == 0 ? 0 : 1);
        out_ = std::fill_n(out_, blanks, ' ');
    }
    void text(std::string_view ascii) { out_ = write_text(out_, ascii); }
    void untrusted(std::string_view bytes) {
        char* const from = out_;
        out_ = write_printable(out_, bytes);
        continuation_bytes_ +=
            static_cast<std::size_t>(out_ - from) - printed_columns({from, static_cast<std::size_t>(out_ - from)});
    }
    void field(const Field& field, const Event& event);
    void endpoint(const EndpointView& side) { out_ = write_endpoint(out_, side.address, side.port, side.family); }
    void time(TimestampWriter& timestamps, const Event& event) {
        out_ = timestamps.write_clock(out_, wall_time_ns(event.ktime_ns, event.wall_offset_ns));
    }
    void number_or_dash(std::uint64_t number) {
        out_ = number == 0 ? write_text(out_, "-") : write_number(out_, number);
    }
    [[nodiscard]] std::size_t columns() const {
        return static_cast<std::size_t>(out_ - begin_) - continuation_bytes_;
    }
    char* end() {
        while (out_ > begin_ && out_[-1] == ' ') --out_;
        *out_++ = '\n';
        return out_;
    }

private:
    void value(const FieldValue& value, const Field& field);

    char* begin_;
    char* out_;
    std::size_t continuation_bytes_ = 0;
};

void Line::value(const FieldValue& value, const Field& field) {
    struct Writer {
        Line& line;
        const Field& field;
        void operator()(std::monostate) const { line.text("-"); }
        void operator()(NullValue) const { line.text("-"); }
        void operator()(std::uint64_t number) const { line.out_ = write_number(line.out_, number); }
        void operator()(std::int64_t number) const { line.out_ = write_number(line.out_, number); }
        void operator()(bool) const { line.text(field.name); }
        void operator()(std::string_view text) const { line.untrusted(text); }
        void operator()(Milliseconds time) const { line.out_ = write_milliseconds(line.out_, time.ns, 3); }
        void operator()(TextList list) const {
            for (const std::string& text : list.texts) {
                if (&text != list.texts.data()) line.text("; ");
                line.untrusted(text);
            }
        }
        void operator()(JsonValue json) const { line.untrusted(json.json); }
        void operator()(WallTime time) const { line.out_ = TimestampWriter().write_rfc3339(line.out_, time.ns); }
        void operator()(AddressValue address) const {
            line.out_ = write_address(line.out_, *address.address, address.family);
        }
        void operator()(LossValue loss) const {
            line.out_ = write_number(line.out_, loss.count);
            line.text(" ");
            line.untrusted(loss.loss_class);
        }
    };
    std::visit(Writer{*this, field}, value);
}

void Line::field(const Field& field, const Event& event) {
    using Show = TextStyle::Show;
    if (field.text.show == Show::never) return;
    const FieldValue content = field.get(event);
    const bool known = !std::holds_alternative<std::monostate>(content);
    if (!known && field.text.show == Show::when_known) return;
    const std::size_t start = columns();
    if (known) text(field.text.before);
    value(content, field);
    if (known) text(field.text.after);
    const std::size_t used = columns() - start;
    const std::size_t blanks = used < field.text.width ? field.text.width - used : 0;
    out_ = std::fill_n(out_, blanks + 1, ' ');
}

void write_columns(Line& line, const Event& event, std::size_t shift) {
    line.start_column(shift);
    line.number_or_dash(event.owner.pid);
    line.start_column(shift + kComm);
    if (event.owner.comm.empty()) {
        line.text("-");
    } else {
        line.untrusted(event.owner.comm.view());
    }
    line.start_column(shift + kEvent);
    line.text(name_of(event.kind));
    line.start_column(shift + kLocal);
    if (concerns_socket(event)) {
        line.endpoint(local_endpoint(event.socket.tuple));
        line.start_column(shift + kRemoteColumn);
        line.endpoint(remote_endpoint(event.socket.tuple));
        line.start_column(shift + kDetail);
    }
    for (const Field& field : fields_of(event.kind)) line.field(field, event);
    for (const Field& field : trailing_fields()) line.field(field, event);
}

}  // namespace

std::string event_text(const Event& event) {
    std::string text(kFixedBytes + text_bytes(event), ' ');
    Line line(text.data());
    write_columns(line, event, 0);
    text.resize(static_cast<std::size_t>(line.end() - text.data()) - 1);
    return text;
}

std::string event_text_heading() {
    std::string text(kDetail, ' ');
    using Title = std::pair<std::size_t, std::string_view>;
    constexpr std::array kTitles{Title{0, "PID"}, Title{kComm, "COMM"}, Title{kEvent, "EVENT"}, Title{kLocal, "LOCAL"},
                                 Title{kRemoteColumn, "REMOTE"}};
    for (const auto& [column, title] : kTitles) text.replace(column, title.size(), title);
    return text + "DETAIL";
}

void TextSink::write_header() {
    header_written_ = true;
    const std::size_t shift = time_ == Time::shown ? kTimeColumns : 0;
    Line line(output_.reserve(kFixedBytes));
    if (time_ == Time::shown) line.text("TIME(UTC)");
    line.start_column(shift);
    line.text(event_text_heading());
    output_.commit(line.end());
}

void TextSink::write(const Event& event) {
    if (!header_written_) write_header();
    const std::size_t shift = time_ == Time::shown ? kTimeColumns : 0;
    Line line(output_.reserve(kFixedBytes + text_bytes(event)));
    if (time_ == Time::shown) line.time(timestamps_, event);
    write_columns(line, event, shift);
    output_.commit(line.end());
}

bool TextSink::flush() {
    if (!header_written_) write_header();
    return output_.flush();
}

}  // namespace sockeye

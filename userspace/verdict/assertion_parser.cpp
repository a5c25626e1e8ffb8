// SPDX-License-Identifier: GPL-2.0-only
// Recursive descent over the text of an assertion: one function a rule of the grammar in assertion.h.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/format.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "diagnose/diagnoses.h"
#include "sockeye/event.h"
#include "verdict/assertion.h"

namespace sockeye {

namespace {

struct Unit {
    std::string_view name;
    MetricUnit of;
    double factor;  // to the metric's unit
};
constexpr std::array kUnits = {
    Unit{"/s", MetricUnit::per_second, 1},          Unit{"/min", MetricUnit::per_second, 1.0 / 60},
    Unit{"/h", MetricUnit::per_second, 1.0 / 3600}, Unit{"ms", MetricUnit::milliseconds, 1},
    Unit{"us", MetricUnit::milliseconds, 0.001},    Unit{"s", MetricUnit::milliseconds, 1000},
};

struct Sign {
    std::string_view text;
    Comparison comparison;
};
// Longer ones first.
constexpr std::array kSigns = {Sign{"<=", Comparison::at_most}, Sign{">=", Comparison::at_least},
                               Sign{"==", Comparison::equal},   Sign{"!=", Comparison::unequal},
                               Sign{"<", Comparison::less},     Sign{">", Comparison::greater}};

constexpr std::array<std::string_view, 2> kSeverities = {"warning", "critical"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}
bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::vector<std::string_view> error_names() {
    constexpr std::int32_t kMostErrno = 530;  // the kernel's own ones are the highest
    std::vector<std::string_view> names;
    for (std::int32_t error = 1; error <= kMostErrno; ++error) {
        const std::string_view name = errno_name(error);
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    return names;
}

// As `lost` tells them; see probes/statistics.cpp, aggregate/aggregator.cpp, events/recording_reader.cpp.
std::vector<std::string_view> loss_class_names() {
    std::vector<std::string_view> names = {"malformed", "unknown_kind", "recording"};
#define X(name, number, type) \
    if (number < WIRE_HOOK_KIND_MAX) names.emplace_back(#name);
    WIRE_KINDS(X)
#undef X
    return names;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> words) {
    const std::string_view near = nearest(word, words);
    return near.empty() ? fmt::format("one of {}", fmt::join(words, ", ")) : fmt::format("did you mean {}?", near);
}

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Assertion> parse() {
        Assertion assertion;
        assertion.text = text_;
        if (!metric(assertion) || !labels(assertion) || !comparison(assertion) || !number(assertion))
            return error();
        skip_blanks();
        if (at_ != text_.size()) {
            fail(at_, text_.size(), "has more behind its number", "one comparison; repeat --assert for the next");
            return error();
        }
        return assertion;
    }

private:
    // All rules: false when the text breaks them; what is wrong has been kept then.
    bool metric(Assertion& assertion) {
        skip_blanks();
        const std::size_t begin = at_;
        while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '.')) ++at_;
        const std::string_view name = text_.substr(begin, at_ - begin);
        const auto found = std::ranges::find(metrics(), name, &MetricRow::name);
        if (found != metrics().end()) {
            assertion.metric = found->metric;
            return true;
        }
        std::vector<std::string_view> names;
        for (const MetricRow& row : metrics()) names.push_back(row.name);
        if (name.empty())
            return fail(begin, begin + 1, "begins with no metric",
                        fmt::format("one of {}", fmt::join(names, ", ")));
        return fail(begin, at_, fmt::format("has no metric {}", printable(name)), suggestion(name, names));
    }

    bool labels(Assertion& assertion) {
        skip_blanks();
        if (!take('{')) return true;
        const std::size_t open = at_ - 1;
        for (skip_blanks(); !take('}'); skip_blanks()) {
            if (at_ == text_.size()) return fail(open, open + 1, "has a { without its }", "{comm=NAME}");
            if (!assertion.labels.empty()) {
                if (!take(','))
                    return fail(at_, at_ + 1, "has labels that run together",
                                "a comma between labels, and } behind the last");
                skip_blanks();
            }
            if (!label(assertion)) return false;
        }
        return true;
    }

    bool label(Assertion& assertion) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_word(text_[at_])) ++at_;
        const std::string_view name = text_.substr(begin, at_ - begin);
        const unsigned allowed = row_of(assertion.metric).labels;
        std::vector<std::string_view> names;
        LabelMatch match;
        bool known = false;
        for (unsigned key = 0; key <= static_cast<unsigned>(LabelKey::loss_class); ++key) {
            if ((allowed >> key & 1U) == 0) continue;
            names.push_back(name_of(static_cast<LabelKey>(key)));
            if (names.back() != name) continue;
            match.key = static_cast<LabelKey>(key);
            known = true;
        }
        if (!known)
            return fail(begin, std::max(at_, begin + 1),
                        fmt::format("has a label that {} does not take", row_of(assertion.metric).name),
                        suggestion(name, names));
        skip_blanks();
        const std::size_t sign = at_;
        match.negated = take('!');
        if (!take('='))
            return fail(sign, sign + 1, "has a label without its value",
                        fmt::format("{0}=VALUE or {0}!=VALUE", name));
        (void)take('=');
        skip_blanks();
        if (!value(match)) return false;
        assertion.labels.push_back(std::move(match));
        return true;
    }

    bool value(LabelMatch& match) {
        const std::size_t begin = at_;
        if (take('"')) {
            const std::size_t close = text_.find('"', at_);
            if (close == std::string_view::npos)
                return fail(begin, begin + 1, "has a \" without its other one", "\"NAME\"");
            match.text = text_.substr(at_, close - at_);
            at_ = close + 1;
        } else {
            while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && !is_blank(text_[at_])) ++at_;
            match.text = text_.substr(begin, at_ - begin);
        }
        if (match.text.empty())
            return fail(begin, begin + 1, "has a label without its value",
                        fmt::format("{}=VALUE", name_of(match.key)));
        return understand(match, begin);
    }

    // What the option of that name says of its value holds for the label, too.
    template <typename T>
    bool adopt(Result<T> parsed, T& target, std::size_t begin) {
        if (!parsed) {
            const std::string& message = parsed.error().message;
            const std::size_t colon = message.find(": ");
            return fail(begin, at_, "has a wrong label",
                        colon == std::string::npos ? message : message.substr(colon + 2));
        }
        target = *std::move(parsed);
        return true;
    }

    bool understand(LabelMatch& match, std::size_t begin) {
        switch (match.key) {
            case LabelKey::comm:
                return adopt(parse_comm_glob(match.text), match.text, begin);
            case LabelKey::error:
                return adopt(parse_comm_glob(match.text), match.text, begin) && matches_one_of(match, error_names(), begin);
            case LabelKey::raddr:
                return adopt(parse_address(match.text), match.prefix, begin);
            case LabelKey::rport:
            case LabelKey::lport:
                return adopt(parse_ports(match.text), match.ports, begin);
            case LabelKey::pid: {
                std::vector<std::uint32_t> pids;
                if (!adopt(parse_pids(match.text), pids, begin)) return false;
                if (pids.size() == 1) return true;
                return fail(begin, at_, "has a wrong label", "one process id");
            }
            case LabelKey::rule:
                return one_of(match, finding_rules(), begin);
            case LabelKey::severity:
                return one_of(match, kSeverities, begin);
            case LabelKey::loss_class:
                // Behind these stands the name of a program or a map, and of those there may be other ones tomorrow.
                return match.text.starts_with("skipped:") || match.text.starts_with("map:") ||
                       matches_one_of(match, loss_class_names(), begin);
        }
        return true;
    }

    // What matches nothing that there can be would hold, or fail, whatever happens.
    bool matches_one_of(const LabelMatch& match, const std::vector<std::string_view>& words, std::size_t begin) {
        const auto matches = [&match](std::string_view word) {
            return fnmatch(match.text.c_str(), std::string(word).c_str(), 0) == 0;
        };
        if (std::ranges::any_of(words, matches)) return true;
        return fail(begin, at_, fmt::format("has no {} of that name", name_of(match.key)),
                    suggestion(match.text, words));
    }

    bool one_of(const LabelMatch& match, std::span<const std::string_view> words, std::size_t begin) {
        if (std::ranges::find(words, match.text) != words.end()) return true;
        return fail(begin, at_, fmt::format("has no {} of that name", name_of(match.key)),
                    suggestion(match.text, words));
    }

    bool comparison(Assertion& assertion) {
        skip_blanks();
        for (const Sign& sign : kSigns) {
            if (!text_.substr(at_).starts_with(sign.text)) continue;
            at_ += sign.text.size();
            assertion.comparison = sign.comparison;
            return true;
        }
        const bool assigns = at_ < text_.size() && text_[at_] == '=';
        return fail(at_, at_ + 1, assigns ? "has a lone =" : "has no comparison",
                    assigns ? "did you mean ==?" : "one of < <= > >= == != behind the metric");
    }

    bool number(Assertion& assertion) {
        skip_blanks();
        const std::size_t begin = at_;
        double value = 0;
        const char* const first = text_.data() + at_;
        const auto [end, failure] =
            std::from_chars(first, text_.data() + text_.size(), value, std::chars_format::fixed);
        // "inf" and "nan" are numbers to from_chars.
        const bool is_number = failure == std::errc{} && end[-1] >= '0' && end[-1] <= '9';
        if (!is_number)
            return fail(begin, begin + 1, "compares with no number", "a number, as 50, 0.5, 10k or -1");
        at_ += static_cast<std::size_t>(end - first);
        if (take('k'))
            value *= 1e3;
        else if (take('M'))
            value *= 1e6;
        return unit(assertion, value);
    }

    bool unit(Assertion& assertion, double value) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && !is_blank(text_[at_])) ++at_;
        const std::string_view name = text_.substr(begin, at_ - begin);
        const MetricRow& row = row_of(assertion.metric);
        assertion.limit = value;
        if (name.empty()) return true;
        std::vector<std::string_view> names;
        for (const Unit& known : kUnits) {
            if (known.of != row.unit) continue;
            names.push_back(known.name);
            if (known.name != name) continue;
            assertion.limit = value * known.factor;
            return true;
        }
        return fail(begin, at_, fmt::format("has a unit that {} is not measured in", row.name),
                    names.empty() ? std::string("a plain number, or k or M behind it")
                                  : fmt::format("one of {}, or none", fmt::join(names, ", ")));
    }

    void skip_blanks() {
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    }

    bool take(char wanted) {
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    bool fail(std::size_t begin, std::size_t end, std::string_view what, std::string_view right) {
        const std::size_t before = printed_columns(printable(text_.substr(0, begin)));
        const std::size_t width =
            end <= text_.size() ? printed_columns(printable(text_.substr(begin, end - begin))) : 1;
        const std::string shown = printable(text_);
        message_ = fmt::format("'{}' {}: {}\n    {}\n    {:>{}}{:~>{}}", shown, what, right, shown, '^',
                               before + 1, "", std::max<std::size_t>(width, 1) - 1);
        return false;
    }

    [[nodiscard]] Error error() const { return Error(message_, ExitCode::usage); }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string message_;
};

}  // namespace

Result<Assertion> parse_assertion(std::string_view text) { return Parser(text).parse(); }

}  // namespace sockeye

// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/diff_view.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/utf8.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {
namespace {

using Json = nlohmann::ordered_json;

std::string side_text(std::string_view name, const RunReview& review) {
    return fmt::format("{:<10} {:.1f} s, {} events; lost {}{}\n", name, review.timeline().seconds(),
                       format_count(review.last().self.events), lost_text(review.last()),
                       review.was_cut_off() ? "; the recording is damaged or cut off" : "");
}

std::string value_text(const DiffRow& row, const std::optional<double>& value) {
    if (!value.has_value()) return "-";
    switch (row.unit) {
        case DiffUnit::per_second:
            return format_rate(*value) + "/s";
        case DiffUnit::count:
            return fmt::format("{}{}", *value < 0 ? "-" : "", format_count(static_cast<std::uint64_t>(std::llround(std::abs(*value)))));
        case DiffUnit::nanoseconds:
            return format_duration(std::chrono::nanoseconds(std::llround(*value)));
        case DiffUnit::none:
            return "-";
    }
    return {};
}

std::optional<double> change_of(const DiffRow& row) {
    if (!row.before.has_value() || !row.after.has_value() || *row.before <= 0) return std::nullopt;
    return 100 * (*row.after - *row.before) / *row.before;
}

std::string note_of(const DiffRow& row) {
    if (!row.note.empty()) return row.note;
    if (row.unit != DiffUnit::per_second || !row.before_total.has_value()) return "-";
    return fmt::format("{} → {} in all", format_count(static_cast<std::uint64_t>(*row.before_total)),
                       format_count(static_cast<std::uint64_t>(*row.after_total)));
}

Json number(const std::optional<double>& value, double factor = 1) {
    return value.has_value() ? Json(std::round(*value * factor * 1000) / 1000) : Json();
}

Json side_json(const RunReview& review) {
    Json lost = Json::object();
    for (const auto& [name, count] : review.last().lost) lost[name] = count;
    return {{"host", review.last().host}, {"kernel", review.last().kernel}, {"seconds", number(review.timeline().seconds())},
            {"events", review.last().self.events}, {"lost", lost}, {"cut_off", review.was_cut_off()}};
}

}  // namespace

std::string diff_text(const RunReview& before, const RunReview& after, const RunDiff& diff) {
    std::string text = side_text("BEFORE", before) + side_text("AFTER", after);
    if (before.lost() != 0 || after.lost() != 0)
        text += "LOST       each lost event may have been any one's: counts are compared with bounds as wide as that\n";
    text += fmt::format("COMPARED   counts {}; growth past {:.0f} % and past the noise is a regression\n",
                        diff.options.totals ? "in all" : "per second", 100 * diff.options.threshold);
    for (const std::string& omitted : diff.omitted) text += fmt::format("OMITTED    {}\n", omitted);
    text += '\n';
    using Align = TextTable::Align;
    TextTable table({{"VERDICT", Align::left}, {"MEASURE", Align::left}, {"BEFORE"}, {"AFTER"}, {"CHANGE"}, {"WHO", Align::left}, {"NOTE", Align::left, 0, TextTable::When::any_known}});
    for (const DiffRow& row : diff.rows) {
        if (row.verdict == DiffVerdict::same) continue;
        const std::optional<double> change = change_of(row);
        table.add({std::string(name_of(row.verdict)), std::string(row.measure), value_text(row, row.before), value_text(row, row.after),
                   change.has_value() ? fmt::format("{:+.0f} %", *change) : "-", printable(row.subject), note_of(row)});
    }
    if (table.rows() != 0) text += table.text() + "\n";
    return text + fmt::format("{} regressions, {} uncertain, {} improvements, {} the same\n",
                              diff.count_of(DiffVerdict::regression), diff.count_of(DiffVerdict::uncertain),
                              diff.count_of(DiffVerdict::improvement),
                              diff.count_of(DiffVerdict::same));
}

std::string diff_json(const RunReview& before, const RunReview& after, const RunDiff& diff) {
    Json json = {{"before", side_json(before)}, {"after", side_json(after)}};
    json["threshold_percent"] = number(100 * diff.options.threshold);
    json["compared"] = diff.options.totals ? "totals" : "rates";
    json["regressions"] = diff.count_of(DiffVerdict::regression);
    json["omitted"] = diff.omitted;
    json["uncertain"] = diff.count_of(DiffVerdict::uncertain);
    json["rows"] = Json::array();
    for (const DiffRow& row : diff.rows) {
        // Times are in milliseconds, as everywhere.
        const bool is_time = row.unit == DiffUnit::nanoseconds;
        const double factor = is_time ? 1e-6 : 1;
        static constexpr const char* kUnits[] = {"per_s", "count", "ms"};
        Json entry = {{"verdict", name_of(row.verdict)}, {"measure", row.measure}, {"subject", row.subject}};
        entry["unit"] = row.unit == DiffUnit::none ? Json() : Json(kUnits[static_cast<std::size_t>(row.unit)]);
        entry["before"] = number(row.before, factor);
        entry["after"] = number(row.after, factor);
        entry["before_total"] = number(row.before_total);
        entry["after_total"] = number(row.after_total);
        entry["change_percent"] = number(change_of(row));
        entry["note"] = row.note.empty() ? Json() : Json(row.note);
        json["rows"].push_back(std::move(entry));
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sockeye

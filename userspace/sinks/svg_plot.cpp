// SPDX-License-Identifier: GPL-2.0-only
// The SVG is stretched to the width of the page, so nothing in it may be text; strokes keep their width.
#include "sinks/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "sinks/html_text.h"
#include "sinks/plot_axis.h"

namespace sockeye {
namespace {

constexpr double kWidth = 1000, kHeight = 400;
constexpr int kMostTimeMarks = 6;
constexpr double kEndPlace = 0.95;  // a label from here on would stand out of the plot

double highest_of(const PlotLine& line) {
    double highest = 0;
    for (const Cell& cell : line.cells) highest = cell.known ? std::max(highest, cell.high) : highest;
    return highest;
}

std::string coordinate(double value) {
    std::string text = fmt::format("{:.1f}", value);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text;
}

double seconds_at(const Timeline& timeline, std::uint64_t ktime_ns) {
    return static_cast<double>(ktime_ns - timeline.begin_ns()) / 1e9;
}

struct Axes {
    PlotAxis time, value;
};

Axes axes_of(const Plot& plot, const Timeline& timeline) {
    double lowest = 0, highest = 0;
    for (const PlotLine& line : plot.lines) {
        for (const Cell& cell : line.cells) {
            if (!cell.known) continue;
            highest = std::max(highest, cell.high);
            if (cell.low > 0 && (lowest == 0 || cell.low < lowest)) lowest = cell.low;
        }
    }
    const bool logarithmic = plot.scale == Plot::Scale::logarithmic && lowest > 0;
    return {.time = PlotAxis::time(timeline.seconds(), kMostTimeMarks),
            .value = logarithmic ? PlotAxis::logarithmic(lowest, highest) : PlotAxis::linear(highest)};
}

// One line as a path: at most two points a bucket, its lowest and its highest in the order in which they came.
std::string path_of(const PlotLine& line, const Timeline& timeline, const Axes& axes) {
    std::string path;
    bool pen_down = false;
    const auto point = [&](double seconds, double value) {
        path += fmt::format("{}{} {}", pen_down ? "L" : "M", coordinate(kWidth * axes.time.place_of(seconds)),
                            coordinate(kHeight * (1 - axes.value.place_of(value))));
        pen_down = true;
    };
    std::size_t points_since_move = 0;
    // A point without neighbours: a dot.
    const auto lift = [&] {
        if (pen_down && points_since_move == 1) path += "h0";
        pen_down = false;
        points_since_move = 0;
    };
    const std::vector<Timeline::Bucket>& buckets = timeline.buckets();
    for (std::size_t at = 0; at < std::min(buckets.size(), line.cells.size()); ++at) {
        const Cell& cell = line.cells[at];
        if (!cell.known || buckets[at].gap) lift();
        if (!cell.known) continue;
        const double begin = seconds_at(timeline, buckets[at].begin_ns), end = seconds_at(timeline, buckets[at].end_ns);
        if (cell.low == cell.high) {
            point((begin + end) / 2, cell.low);
            ++points_since_move;
        } else {
            point(begin + (end - begin) / 4, cell.low_came_first ? cell.low : cell.high);
            point(end - (end - begin) / 4, cell.low_came_first ? cell.high : cell.low);
            points_since_move += 2;
        }
    }
    lift();
    return path;
}

// Where readings are missing, and where events were lost: a band from the tick before to the one that told.
std::string bands_of(const Timeline& timeline, const Axes& axes) {
    std::string bands;
    const std::vector<Timeline::Bucket>& buckets = timeline.buckets();
    for (std::size_t at = 0; at < buckets.size(); ++at) {
        const Timeline::Bucket& bucket = buckets[at];
        if (!bucket.gap && bucket.lost == 0) continue;
        const std::uint64_t from = at == 0 ? bucket.begin_ns : buckets[at - 1].end_ns;
        const double left = kWidth * axes.time.place_of(seconds_at(timeline, from));
        const double right = kWidth * axes.time.place_of(seconds_at(timeline, bucket.end_ns));
        bands += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\"/>", bucket.gap ? "gap" : "lost",
                             coordinate(left), coordinate(std::max(2.0, right - left)), kHeight);
    }
    return bands;
}

struct Extent {
    double low = 0, high = 0, first = 0, last = 0;
    std::size_t highest_at = 0;
    bool known = false;
};

Extent extent_of(const PlotLine& line) {
    Extent extent;
    for (std::size_t at = 0; at < line.cells.size(); ++at) {
        const Cell& cell = line.cells[at];
        if (!cell.known) continue;
        if (!extent.known) extent = {.low = cell.low, .high = cell.high, .first = cell.low_came_first ? cell.low : cell.high, .highest_at = at, .known = true};
        extent.low = std::min(extent.low, cell.low);
        if (cell.high > extent.high) {
            extent.high = cell.high;
            extent.highest_at = at;
        }
        extent.last = cell.last;
    }
    return extent;
}

std::string in_words(const Plot& plot, const Timeline& timeline) {
    std::string words = fmt::format("{} over {}. ", plot.title, run_time_text(timeline.seconds(), timeline.seconds()));
    for (const PlotLine& line : plot.lines) {
        const Extent extent = extent_of(line);
        if (!extent.known) continue;
        if (extent.low == extent.high) {
            words += fmt::format("{}: {} throughout. ", line.label, plot.format(extent.high));
            continue;
        }
        const double at = seconds_at(timeline, timeline.buckets()[extent.highest_at].end_ns);
        words += fmt::format("{}: {} at first, {} at the end, lowest {}, highest {} at {}. ", line.label,
                             plot.format(extent.first), plot.format(extent.last), plot.format(extent.low),
                             plot.format(extent.high), run_time_text(at, timeline.seconds()));
    }
    if (std::ranges::any_of(timeline.buckets(), &Timeline::Bucket::gap)) words += "Readings are missing in between. ";
    return words;
}

std::string legend_of(const Plot& plot, const Timeline& timeline) {
    std::string legend = "<ul class=\"legend\">\n";
    for (std::size_t at = 0; at < plot.lines.size(); ++at) {
        const Extent extent = extent_of(plot.lines[at]);
        const std::string values = extent.low == extent.high
                                       ? plot.format(extent.high)
                                       : fmt::format("{} – {}, last {}", plot.format(extent.low), plot.format(extent.high),
                                                     plot.format(extent.last));
        legend += fmt::format("<li><svg class=\"key\" viewBox=\"0 0 34 10\" aria-hidden=\"true\"><path class=\"l s{}\" d=\"M1 5H33\"/>"
                              "</svg>{} <span class=\"v\">{}</span>\n",
                              at, html_escaped(plot.lines[at].label), html_escaped(values));
    }
    const auto& buckets = timeline.buckets();
    if (std::ranges::any_of(buckets, [](const Timeline::Bucket& one) { return one.lost != 0 && !one.gap; }))
        legend += "<li><span class=\"band lost-key\" aria-hidden=\"true\"></span>events were lost here\n";
    if (std::ranges::any_of(buckets, &Timeline::Bucket::gap))
        legend += "<li><span class=\"band gap-key\" aria-hidden=\"true\"></span>not recorded\n";
    return legend + "</ul>\n";
}

std::string data_table(const Plot& plot, const Timeline& timeline, const Axes& axes) {
    std::vector<HtmlTable::Column> columns = {{"Time"}};
    for (const PlotLine& line : plot.lines) columns.push_back({line.label});
    const auto& buckets = timeline.buckets();
    const bool tells_lost = std::ranges::any_of(buckets, [](const Timeline::Bucket& one) { return one.lost != 0; });
    if (tells_lost) columns.push_back({"Events lost"});
    HtmlTable table(plot.title + ", every value", std::move(columns));
    for (std::size_t at = 0; at < buckets.size(); ++at) {
        const double seconds = seconds_at(timeline, buckets[at].end_ns);
        std::vector<std::string> cells = {run_time_text(seconds, timeline.seconds())};
        for (const PlotLine& line : plot.lines) {
            const Cell cell = at < line.cells.size() ? line.cells[at] : Cell{};
            cells.push_back(!cell.known             ? "–"
                            : cell.low == cell.high ? plot.format(cell.high)
                                                    : plot.format(cell.low) + " – " + plot.format(cell.high));
        }
        if (tells_lost) cells.push_back(std::to_string(buckets[at].lost));
        table.add(cells, fmt::format("data-x=\"{:.4f}\"", axes.time.place_of(seconds)));
    }
    return table.html();
}

}  // namespace

PlotLine line_of(std::string label, const Track& track, const Timeline& timeline) {
    PlotLine line{.label = std::move(label), .cells = {}};
    for (std::size_t at = 0; at < timeline.buckets().size(); ++at) line.cells.push_back(track.at(at));
    return line;
}

std::vector<PlotLine> most_lines(std::vector<PlotLine> lines, std::size_t most) {
    std::erase_if(lines, [](const PlotLine& line) { return highest_of(line) == 0; });
    if (lines.size() <= most) return lines;
    std::ranges::stable_sort(lines, std::ranges::greater{}, highest_of);
    PlotLine other = std::move(lines[most - 1]);
    other.label = fmt::format("~other ({} more)", lines.size() - most + 1);
    for (std::size_t from = most; from < lines.size(); ++from) {
        const std::vector<Cell>& cells = lines[from].cells;
        other.cells.resize(std::max(other.cells.size(), cells.size()));
        for (std::size_t at = 0; at < cells.size(); ++at) {
            if (!cells[at].known) continue;
            Cell& sum = other.cells[at];
            sum.known = true;
            sum.low += cells[at].low;
            sum.high += cells[at].high;
            sum.last += cells[at].last;
        }
    }
    lines.resize(most - 1);
    lines.push_back(std::move(other));
    return lines;
}

std::string run_time_text(double seconds, double of_seconds) {
    if (of_seconds < 120) {
        const std::string text = fmt::format("{:.{}f}", seconds, of_seconds < 2 ? 2 : 1);
        return (text.ends_with(".0") ? text.substr(0, text.size() - 2) : text) + " s";
    }
    const std::uint64_t whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (of_seconds < 7200) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string figure_of(const Plot& plot, const Timeline& timeline) {
    if (std::ranges::none_of(plot.lines, [](const PlotLine& line) { return extent_of(line).known; })) return {};
    const Axes axes = axes_of(plot, timeline);
    std::string y_labels, x_labels, grid;
    std::size_t widest = 0;
    for (const double mark : axes.value.marks()) {
        const double place = 1 - axes.value.place_of(mark);
        widest = std::max(widest, printed_columns(plot.format(mark)));
        y_labels += fmt::format("<span style=\"top:{:.1f}%\">{}</span>", 100 * place, html_escaped(plot.format(mark)));
        grid += fmt::format("M0 {}H{}", coordinate(kHeight * place), kWidth);
    }
    for (const double mark : axes.time.marks())
        x_labels += fmt::format("<span{} style=\"left:{:.1f}%\">{}</span>",
                                axes.time.place_of(mark) > kEndPlace ? " class=\"end\"" : "",
                                100 * axes.time.place_of(mark), run_time_text(mark, timeline.seconds()));
    std::string lines;
    for (std::size_t at = plot.lines.size(); at-- > 0;)  // the first on top
        lines += fmt::format("<path class=\"l s{}\" d=\"{}\"/>\n", at, path_of(plot.lines[at], timeline, axes));
    return fmt::format(
        "<figure id=\"{0}\">\n<figcaption><b>{4}</b>{10}</figcaption>\n"
        "<div class=\"chart\" style=\"--y:{13}ch\"><div class=\"y\" aria-hidden=\"true\">{1}</div><div class=\"box\">"
        "<svg viewBox=\"0 0 {2} {3}\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"{0}-t {0}-d\">"
        "<title id=\"{0}-t\">{4}</title><desc id=\"{0}-d\">{5}</desc>\n{6}<path class=\"grid\" d=\"{7}\"/>\n{8}</svg></div>"
        "<div class=\"x\" aria-hidden=\"true\">{9}</div></div>\n{11}"
        "<details><summary>Values of this plot as a table</summary>\n{12}</details>\n</figure>\n",
        html_escaped(plot.id), y_labels, kWidth, kHeight, html_escaped(plot.title), html_escaped(in_words(plot, timeline)),
        bands_of(timeline, axes), grid, lines, x_labels, plot.note.empty() ? "" : " <span class=\"note\">" + plot.note + "</span>",
        legend_of(plot, timeline), data_table(plot, timeline, axes), widest + 1);
}

}  // namespace sockeye

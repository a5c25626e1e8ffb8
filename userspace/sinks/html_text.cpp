// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/html_text.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace sockeye {

std::string html_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : printable(text)) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

void HtmlTable::add(const std::vector<std::string>& cells, std::string_view attributes) {
    rows_ += attributes.empty() ? "<tr>" : fmt::format("<tr {}>", attributes);
    for (std::size_t at = 0; at < cells.size(); ++at) {
        const bool is_text = columns_[at].kind == Kind::text;
        const std::string cell = html_escaped(cells[at]);
        if (at == 0)
            rows_ += fmt::format("<th scope=\"row\"{}>{}", is_text ? " class=\"t\"" : "", cell);
        else
            rows_ += fmt::format("<td{}>{}", is_text ? " class=\"t\"" : "", cell);
    }
    rows_ += '\n';
}

std::string HtmlTable::html() const {
    std::string text = fmt::format(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption>\n<thead><tr>",
        html_escaped(caption_));
    for (const Column& column : columns_)
        text += fmt::format("<th scope=\"col\"{}>{}", column.kind == Kind::text ? " class=\"t\"" : "",
                            html_escaped(column.title));
    return text + "</thead>\n<tbody>\n" + rows_ + "</tbody></table></div>\n";
}

}  // namespace sockeye

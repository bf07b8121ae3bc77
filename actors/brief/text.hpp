#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What agents and programs wrote, made fit to stand in a page: hostile until it has gone through here. All of this is
/// for valid UTF-8, which every text of a JSON document is.
namespace cadre::brief {

/// `text` on one line: control characters, line separators and runs of spaces become one space; marks that change the
/// direction of what follows, invisible characters and more than two accents on a letter are left out. Cut between
/// characters, with `...`, at a cost of `cost_max`: a byte costs 1, or as much as the longest form it has in a page
/// (`&amp;`: 5), so what is bounded here is bounded in Markdown, HTML and JSON.
std::string tame(std::string_view text, std::size_t cost_max);

/// Tame text for Markdown: it reads the same, and nothing of it is markup. `first`: it begins a line or an item.
std::string markdown_text(std::string_view tame_text, bool first);

/// Tame text as code in Markdown, fenced by more backquotes than it has.
std::string markdown_code(std::string_view tame_text);

/// Text for the content of an HTML element or a quoted attribute.
std::string html_text(std::string_view text);

}  // namespace cadre::brief

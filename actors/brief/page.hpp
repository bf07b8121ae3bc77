#pragma once

#include "schemas/json.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

/// The page before it is written down: Markdown and HTML are two ways to do that.
namespace cadre::brief {

struct span {
  enum class kind {
    words,     ///< Ours.
    foreign,   ///< Tame (text.hpp), but somebody else's.
    badge,     ///< A severity or a warning: as a word, and set off.
    code,      ///< A command or a name to type. Tame.
    next_line  ///< HTML begins a new line here; Markdown goes on after `text`.
  };
  kind what = kind::words;
  std::string text;
};

using line = std::vector<span>;

struct section {
  std::string title;
  std::vector<line> lines;
  /// How many entries there are, of which `lines` are the first; what is not shown is said in a line of its own.
  std::size_t total = 0;
  line more;  ///< Where the rest is.
  std::size_t share =
      1;  ///< A section with a share of 8 keeps eight times as many lines as others when there are too many.
  std::vector<line> notes;  ///< After all of these; always there.
};

struct page {
  std::string title;
  std::string subtitle;
  line headline;
  std::vector<section> sections;
};

/// Lays out a document of `compose`, or anything else: what is missing is left out. Sections without lines are left
/// out. Written as Markdown it has at most `page_lines_max` lines (brief.hpp).
page layout(const nlohmann::json& document);

}  // namespace cadre::brief

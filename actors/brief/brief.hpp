#pragma once

#include "schemas/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// The ceo's one page. Pure: the same snapshot of the database gives the same brief, to the letter.
namespace cadre::brief {

// One page, whatever happened and whatever agents wrote.
inline constexpr std::size_t page_lines_max = 120;  ///< Of the Markdown; the HTML has 40 more, for its elements.
inline constexpr std::size_t markdown_bytes_max = 48 * 1024;
inline constexpr std::size_t html_bytes_max = 90 * 1024;  ///< Mail clients cut what is longer than 102 KB.
inline constexpr std::size_t document_bytes_max = 128 * 1024;

/// Makes the brief's document (JSON, the form kept in `cadre.brief` and printed by `--json`) from the snapshot that
/// `storage::queries::brief_parts` describes. It has a `version`; lists hold their first entries, and `totals` say how
/// many there are; texts are tame (text.hpp); `since_last` says what changed since the brief before, and `kept` is what
/// the next one will compare with. Errors: bad_message if `snapshot` is not such a document.
result<std::string> compose(std::string_view snapshot);

/// The page for a terminal or a mail: Markdown. When there is too much for one page, each section shows its first
/// entries and says how many more there are, and where. `document` is what `compose` made; of any other, what can be
/// shown is.
std::string to_markdown(std::string_view document);

/// The same page as one self-contained HTML file, readable on a phone and in a mail client: no scripts, no resources
/// from elsewhere, styles within the elements, nothing wider than the window, in light and dark.
std::string to_html(std::string_view document);

}  // namespace cadre::brief

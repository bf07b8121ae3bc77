#pragma once

#include "schemas/error.hpp"

#include <string>
#include <string_view>

/// The ceo's one page. Pure: the same snapshot of the database gives the same brief, to the letter.
namespace cadre::brief {

/// Makes the brief's document (JSON, the form kept in `cadre.brief` and printed by `--json`) from the snapshot that
/// `storage::queries::brief_parts` describes. Errors: bad_message if `snapshot` is not such a document.
result<std::string> compose(std::string_view snapshot);

/// The page for a terminal or a mail: Markdown. Short when things are calm, and at most 130 lines whatever happened:
/// each section shows its first few entries and says how many more there are. `document` is what `compose` made.
std::string to_markdown(std::string_view document);

/// The same page as one self-contained HTML file, readable on a phone and in a mail client.
std::string to_html(std::string_view document);

}  // namespace cadre::brief

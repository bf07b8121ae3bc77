#include "reader.hpp"

#include <algorithm>

namespace cadre::codec {

std::string place_text(const place& at) {
  std::vector<const place*> chain;
  for (const place* p = &at; p != nullptr; p = p->above) chain.push_back(p);
  std::string text;
  for (auto p = chain.rbegin(); p != chain.rend(); ++p) {
    if ((*p)->index != place::no_index) {
      text += '[' + std::to_string((*p)->index) + ']';
    } else if (!(*p)->name.empty()) {
      if (!text.empty()) text += '.';
      text += (*p)->name;
    }
  }
  return text;
}

std::string_view shape_text(shape s) noexcept {
  switch (s) {
    case shape::null:
      return "null";
    case shape::boolean:
      return "a boolean";
    case shape::integer:
      return "an integer";
    case shape::fraction:
      return "a number with a fraction";
    case shape::text:
      return "text";
    case shape::list:
      return "a list";
    case shape::map:
      return "a map";
    case shape::other:
      break;
  }
  return "binary data";
}

}  // namespace cadre::codec

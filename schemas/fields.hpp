#pragma once

#include <boost/preprocessor/seq/for_each.hpp>
#include <boost/preprocessor/stringize.hpp>
#include <boost/preprocessor/variadic/to_seq.hpp>

#include <array>
#include <string_view>
#include <utility>

/// Names the fields of a message once; the msgpack codec, the JSON codec and the database code all walk the same list.
///
/// Inside a struct: `CADRE_FIELDS(id, mode, payload)`. It defines a static `each_field(self, visitor)` that calls
/// `visitor(std::string_view name, field&)` in the order given. At most 64 fields.
/// A field name is the key on the wire: renaming one is a change of the protocol.
#define CADRE_FIELDS(...)                                                               \
  template <class Self, class Visitor>                                                  \
  static constexpr void each_field(Self& self, Visitor&& visitor) {                     \
    BOOST_PP_SEQ_FOR_EACH(CADRE_VISIT_FIELD_, _, BOOST_PP_VARIADIC_TO_SEQ(__VA_ARGS__)) \
  }
#define CADRE_VISIT_FIELD_(r, data, field) visitor(std::string_view{BOOST_PP_STRINGIZE(field)}, self.field);

/// For a message that carries nothing.
#define CADRE_NO_FIELDS()              \
  template <class Self, class Visitor> \
  static constexpr void each_field(Self&, Visitor&&) {}

namespace cadre {

/// Specialised for every enum that travels: `static constexpr std::array<std::pair<E, std::string_view>, N> value`.
/// The text is what stands on the wire, in the database and in `--json`.
template <class E>
struct enum_names;

template <class E>
concept named_enum = requires {
  enum_names<E>::value.size();
};

/// The text of an enum value. Every value of the enum must be listed in its table; an unlisted one yields "?".
template <named_enum E>
constexpr std::string_view to_text(E value) {
  for (const auto& [candidate, text] : enum_names<E>::value)
    if (candidate == value) return text;
  return "?";
}

/// The enum value that a text stands for. Returns false and leaves `out` alone if the text is unknown.
template <named_enum E>
constexpr bool from_text(std::string_view text, E& out) {
  for (const auto& [candidate, name] : enum_names<E>::value) {
    if (name == text) {
      out = candidate;
      return true;
    }
  }
  return false;
}

}  // namespace cadre

#pragma once

#include "../messages.hpp"

#include <concepts>

/// What both formats need to know about the two types that carry a body of one of several kinds.
namespace cadre::codec {

/// A struct that names its fields with CADRE_FIELDS.
template <class T>
concept field_struct = requires(T& value) {
  T::each_field(value, [](std::string_view, auto&) {});
};

/// A struct with named fields, a `kind` and a `body`.
template <class T>
concept carrier = std::same_as<T, envelope> || std::same_as<T, command>;

/// Visits the fields of an envelope or a command that stand before `kind` and `body`.
template <class Carrier, class Visitor>
requires std::same_as<std::remove_const_t<Carrier>, envelope>
void each_head_field(Carrier& e, Visitor&& visitor) {
  visitor(std::string_view{"version"}, e.version);
  visitor(std::string_view{"id"}, e.id);
  visitor(std::string_view{"company"}, e.company);
  visitor(std::string_view{"from"}, e.from);
  visitor(std::string_view{"incarnation"}, e.incarnation);
  visitor(std::string_view{"causation"}, e.causation);
  visitor(std::string_view{"trace"}, e.trace);
  visitor(std::string_view{"sent_at"}, e.sent_at);
}

template <class Carrier, class Visitor>
requires std::same_as<std::remove_const_t<Carrier>, command>
void each_head_field(Carrier& c, Visitor&& visitor) {
  visitor(std::string_view{"id"}, c.id);
  visitor(std::string_view{"from"}, c.from);
  visitor(std::string_view{"incarnation"}, c.incarnation);
}

}  // namespace cadre::codec

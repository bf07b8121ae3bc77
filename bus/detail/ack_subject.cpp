#include "ack_subject.hpp"

#include <algorithm>
#include <charconv>

namespace cadre::bus::detail {

ack_subject ack_subject::read(std::string_view subject) {
  const auto dots = std::ranges::count(subject, '.');
  if (!subject.starts_with("$JS.ACK.") || dots < 8) return {};
  const int before = dots >= 10 ? 5 : 3;
  for (int i = 0; i < before; ++i) subject.remove_prefix(subject.find('.') + 1);
  ack_subject a;
  a.consumer = subject.substr(0, subject.find('.'));
  subject.remove_prefix(a.consumer.size() + 1);
  std::from_chars(subject.data(), subject.data() + subject.size(), a.delivered);
  return a;
}

}  // namespace cadre::bus::detail

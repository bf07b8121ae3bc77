#include "subjects.hpp"

#include <initializer_list>

namespace cadre::subjects {

namespace {

std::string join(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  std::string subject;
  subject.reserve(size);
  for (const auto part : parts) subject += part;
  return subject;
}

}  // namespace

std::string command(std::string_view company, std::string_view kind) {
  return join({"cadre.", company, ".cmd.", kind});
}

std::string commands(std::string_view company) {
  return join({"cadre.", company, ".cmd.>"});
}

std::string agent(std::string_view company, const agent_path& path) {
  return join({"cadre.", company, ".agent.", path.text});
}

std::string output(std::string_view company, const agent_path& path) {
  return join({"cadre.", company, ".out.", path.text});
}

std::string verdict(std::string_view company, const agent_path& path) {
  return join({"cadre.", company, ".verdict.", path.text});
}

std::string escalation(std::string_view company, const agent_path& holder) {
  return join({"cadre.", company, ".esc.", holder.text});
}

std::string fire(std::string_view company, std::string_view schedule) {
  return join({"cadre.", company, ".fire.", schedule});
}

std::string task(std::string_view company, std::string_view mode) {
  return join({"cadre.", company, ".task.", mode});
}

std::string brief(std::string_view company) {
  return join({"cadre.", company, ".brief"});
}

std::string log(std::string_view company, const agent_path& path) {
  return join({"cadre.", company, ".log.", path.text});
}

std::string worker(std::string_view company, const agent_path& path, std::string_view verb) {
  return join({"cadre.", company, ".worker.", path.text, ".", verb});
}

std::string heartbeat(std::string_view node) {
  return join({"cadre.node.", node, ".hb"});
}

std::string control(std::string_view node) {
  return join({"cadre.node.", node, ".ctl"});
}

}  // namespace cadre::subjects

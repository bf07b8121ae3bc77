#include "documents.hpp"

#include "config/did_you_mean.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace cadre::actors {

namespace {

constexpr std::size_t names_max = 100;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool is_word_char(char c) {
  return is_name_char(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '/' || c == '@' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Of files and hosts: `ceo.md` is no agent.
bool ends_like_a_file(std::string_view path) {
  constexpr std::array<std::string_view, 14> endings{"md",  "txt", "html", "json", "yaml", "yml", "py",
                                                     "mjs", "sh",  "com",  "org",  "net",  "csv", "pdf"};
  const auto last = path.substr(path.rfind('.') + 1);
  return std::find(endings.begin(), endings.end(), last) != endings.end();
}

std::string_view trimmed_right(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string_view trimmed_left(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

bool is_schedule_word(std::string_view word) {
  return same_word(word, "schedule") || same_word(word, "schedules");
}

std::string_view last_word(std::string_view text) {
  text = trimmed_right(text);
  auto from = text.size();
  while (from > 0 && is_word_char(text[from - 1])) --from;
  return text.substr(from);
}

std::string_view first_word(std::string_view text) {
  text = trimmed_left(text);
  std::size_t upto = 0;
  while (upto < text.size() && is_word_char(text[upto]) && text[upto] != '.') ++upto;
  return text.substr(0, upto);
}

class document_audit {
 public:
  explicit document_audit(const config::company& c) : company_{c} {
    for (const auto& a : c.agents) agents_.push_back(a.path.text);
    for (const auto& s : c.schedules) schedules_.push_back(s.name);
    if (c.brief) schedules_.push_back(config::brief_schedule);
  }

  void look_at(std::string_view line, std::size_t number) {
    look_for_agents(line, number);
    look_for_schedules(line, number);
  }

  std::vector<dead_name> take() { return std::move(found_); }

 private:
  void look_for_agents(std::string_view line, std::size_t number) {
    const auto& root = agents_.front();
    for (auto at = line.find(root); at != std::string_view::npos; at = line.find(root, at + 1)) {
      if (at > 0 && is_word_char(line[at - 1])) continue;
      auto end = at + root.size();
      while (end + 1 < line.size() && line[end] == '.' && is_name_char(line[end + 1])) {
        ++end;
        while (end < line.size() && is_name_char(line[end])) ++end;
      }
      const auto path = line.substr(at, end - at);
      if (path == root || (end < line.size() && is_word_char(line[end]) && line[end] != '.')) continue;
      if (!is_agent(path) && !ends_like_a_file(path)) add(number, path, false, agents_);
    }
  }

  void look_for_schedules(std::string_view line, std::size_t number) {
    for (auto open = line.find('`'); open != std::string_view::npos;) {
      const auto close = line.find('`', open + 1);
      if (close == std::string_view::npos) break;
      const auto quoted = line.substr(open + 1, close - open - 1);
      const bool meant =
          is_schedule_word(last_word(line.substr(0, open))) || is_schedule_word(first_word(line.substr(close + 1)));
      if (meant && !quoted.empty() && std::all_of(quoted.begin(), quoted.end(), is_name_char)) expect(quoted, number);
      open = line.find('`', close + 1);
    }
    for (const std::string_view verb : {"show", "trigger", "pause", "resume", "backfill"}) {
      const auto command = "cadre schedule " + std::string{verb} + " ";
      for (auto at = line.find(command); at != std::string_view::npos; at = line.find(command, at + 1)) {
        const auto name = first_word(line.substr(at + command.size()));
        if (!name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), is_name_char))
          expect(name, number);
      }
    }
  }

  void expect(std::string_view schedule, std::size_t number) {
    if (std::find(schedules_.begin(), schedules_.end(), schedule) == schedules_.end())
      add(number, schedule, true, schedules_);
  }

  /// An agent, or the name of a pool.
  [[nodiscard]] bool is_agent(std::string_view path) const {
    return std::any_of(agents_.begin(), agents_.end(), [&](std::string_view agent) {
      if (!agent.starts_with(path)) return false;
      const auto rest = agent.substr(path.size());
      return rest.empty() || (rest.size() > 1 && rest[0] == '-' &&
                              std::all_of(rest.begin() + 1, rest.end(), [](char c) { return c >= '0' && c <= '9'; }));
    });
  }

  void add(std::size_t number, std::string_view name, bool is_schedule, const std::vector<std::string_view>& known) {
    if (found_.size() >= names_max || !said_.emplace(is_schedule, std::string{name}).second) return;
    found_.push_back({number, std::string{name}, is_schedule, config::did_you_mean(name, known)});
  }

  const config::company& company_;
  std::vector<std::string_view> agents_, schedules_;
  std::set<std::pair<bool, std::string>> said_;
  std::vector<dead_name> found_;
};

}  // namespace

std::vector<dead_name> audit_document(std::string_view text, const config::company& company) {
  document_audit audit{company};
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    audit.look_at(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return audit.take();
}

}  // namespace cadre::actors

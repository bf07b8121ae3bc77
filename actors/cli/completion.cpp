#include "completion.hpp"

#include <CLI/CLI.hpp>

#include <vector>

namespace cadre::cli {

namespace {

/// One level of the command line: what may follow these words.
struct level {
  std::string words;  ///< `task add`; empty: the top.
  std::vector<std::string> commands;
  std::vector<std::string> options;
  bool takes_file = false;
};

void collect(const CLI::App& app, const std::string& words, std::vector<level>& out) {
  level here;
  here.words = words;
  for (const auto* sub : app.get_subcommands(nullptr)) here.commands.push_back(sub->get_name());
  for (const auto* option : app.get_options(nullptr))
    for (const auto& name : option->get_lnames()) here.options.push_back("--" + name);
  here.takes_file = app.get_option_no_throw("FILE") != nullptr;
  out.push_back(here);
  for (const auto* sub : app.get_subcommands(nullptr))
    collect(*sub, words.empty() ? sub->get_name() : words + " " + sub->get_name(), out);
}

std::string joined(const level& l) {
  std::string text;
  for (const auto* list : {&l.commands, &l.options})
    for (const auto& word : *list) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// Works in bash, and in zsh through bashcompinit. Words that follow an option's name may be a file.
std::string bash(const std::vector<level>& levels) {
  std::string s =
      "_cadre() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} words=\"\" w\n"
      "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $w in -*) break ;; esac\n"
      "    words=${words:+$words }$w\n"
      "  done\n"
      "  local candidates=\"\"\n"
      "  while :; do\n"
      "    case \"$words\" in\n";
  for (const auto& l : levels) s += "      \"" + l.words + "\") candidates=\"" + joined(l) + "\" ;;\n";
  s += "    esac\n";
  // Where a file is expected, only a dash asks for options; with no candidates bash completes files.
  s += "    case \"$words|$cur\" in\n";
  for (const auto& l : levels)
    if (l.takes_file) s += "      \"" + l.words + "|-\"*) ;;\n      \"" + l.words + "|\"*) COMPREPLY=(); return ;;\n";
  s += "    esac\n"
       "    [ -n \"$candidates\" ] || [ -z \"$words\" ] && break\n"
       "    case \"$words\" in *\" \"*) words=${words% *} ;; *) words=\"\" ;; esac\n"
       "  done\n"
       "  COMPREPLY=($(compgen -W \"$candidates\" -- \"$cur\"))\n"
       "}\n"
       "complete -o default -F _cadre cadre\n";
  return s;
}

std::string fish(const std::vector<level>& levels) {
  std::string s = "complete -c cadre -f\n";
  for (const auto& l : levels) {
    std::string condition = "__fish_use_subcommand";
    if (!l.words.empty()) {
      condition = "";
      for (std::size_t from = 0; from <= l.words.size();) {
        const auto end = std::min(l.words.find(' ', from), l.words.size());
        condition += (condition.empty() ? "" : "; and ");
        condition += "__fish_seen_subcommand_from " + l.words.substr(from, end - from);
        from = end + 1;
      }
    }
    if (l.takes_file) s += "complete -c cadre -n '" + condition + "' -F\n";
    for (const auto& command : l.commands) s += "complete -c cadre -n '" + condition + "' -a " + command + "\n";
    for (const auto& option : l.options) s += "complete -c cadre -n '" + condition + "' -l " + option.substr(2) + "\n";
  }
  return s;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  std::vector<level> levels;
  collect(app, "", levels);
  if (shell == "fish") return fish(levels);
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash(levels);
  return bash(levels);
}

}  // namespace cadre::cli

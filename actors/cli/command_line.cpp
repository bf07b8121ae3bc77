#include "command_line.hpp"

#include "config/did_you_mean.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

namespace cadre::cli {

namespace {

/// CLI11 alone would only say that a subcommand is required.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  std::vector<std::string> names;
  for (const auto* sub : app.get_subcommands(nullptr)) names.push_back(sub->get_name());
  const std::string word = argv[1];
  if (std::find(names.begin(), names.end(), word) != names.end()) return {};
  return "there is no command '" + word + "'" + config::did_you_mean(word, {names.begin(), names.end()}) +
         " (see `cadre --help`)";
}

}  // namespace

option option::required() {
  inner_->required();
  return *this;
}

option option::range(std::int64_t least, std::int64_t most) {
  inner_->check(CLI::Range(least, most));
  return *this;
}

option option::one_of(std::vector<std::string> words) {
  inner_->check(CLI::IsMember(std::move(words)));
  return *this;
}

option option::default_shown() {
  inner_->capture_default_str();
  return *this;
}

command command::add_command(const std::string& name, const std::string& help) const {
  return command{*inner_->add_subcommand(name, help), *chosen_};
}

command command::needs_a_command() const {
  inner_->require_subcommand(1);
  return *this;
}

option command::add(const std::string& name, std::string& value, const std::string& help) const {
  return option{*inner_->add_option(name, value, help)};
}

option command::add(const std::string& name, std::optional<std::string>& value, const std::string& help) const {
  return option{*inner_->add_option(name, value, help)};
}

option command::add(const std::string& name, std::vector<std::string>& values, const std::string& help) const {
  return option{*inner_->add_option(name, values, help)};
}

option command::add(const std::string& name, int& value, const std::string& help) const {
  return option{*inner_->add_option(name, value, help)};
}

option command::add(const std::string& name, std::int64_t& value, const std::string& help) const {
  return option{*inner_->add_option(name, value, help)};
}

option command::add(const std::string& name, bool& flag, const std::string& help) const {
  return option{*inner_->add_flag(name, flag, help)};
}

void command::examples(const std::string& lines) const {
  inner_->footer("Examples:\n" + lines);
}

void command::does(std::function<int()> action) const {
  // CLI11 calls back while it still reads; the command runs after that.
  inner_->callback([action = std::move(action), chosen = chosen_] { *chosen = action; });
}

struct command_line::parts {
  CLI::App app;
  std::function<int()> chosen;
};

command_line::command_line(const std::string& name, const std::string& about, const std::string& footer)
    : parts_(new parts{CLI::App{about, name}, {}}) {
  auto& app = parts_->app;
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every subcommand");
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return "cadre: " + std::string{e.what()} + "\nSee `" + a->get_display_name() + " --help`.\n";
  });
  app.footer(footer);
}

command_line::~command_line() = default;

command command_line::top() {
  return command{parts_->app, parts_->chosen};
}

std::function<int()> command_line::read(int argc, char** argv, int usage) {
  auto& app = parts_->app;
  if (const auto unknown = unknown_command(app, argc, argv); !unknown.empty()) {
    std::cerr << "cadre: " << unknown << "\n";
    return [usage] { return usage; };
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const auto code = app.exit(e, std::cout, std::cerr);
    return [code, usage] { return code == 0 ? 0 : usage; };
  }
  if (!parts_->chosen) return [usage] { return usage; };
  return parts_->chosen;
}

}  // namespace cadre::cli

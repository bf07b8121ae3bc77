#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// The grammar of the command line, over CLI11. Only command_line.cpp sees that library: compiled into every file of
/// commands it costs more than the commands.
namespace cadre::cli {

/// An option or a positional of a command. A handle: copies mean the same option.
class option {
 public:
  explicit option(CLI::Option& inner) : inner_(&inner) {}

  option required();
  /// Refuses numbers outside `least` to `most`, and says so.
  option range(std::int64_t least, std::int64_t most);
  option one_of(std::vector<std::string> words);
  /// `--help` shows the value that the variable has now.
  option default_shown();

 private:
  CLI::Option* inner_;
};

/// A command, or the program itself. A handle: copies mean the same command.
class command {
 public:
  /// `chosen` gets what is to be done; it must live as long as the command.
  command(CLI::App& inner, std::function<int()>& chosen) : inner_(&inner), chosen_(&chosen) {}

  command add_command(const std::string& name, const std::string& help) const;
  /// One of the commands below it must be given.
  command needs_a_command() const;

  /// `--name` takes a value; a name without dashes is a positional. What is given is left in `value`, which must live
  /// until the command ran; a word that is no such value ends the command line with a usage error.
  option add(const std::string& name, std::string& value, const std::string& help) const;
  option add(const std::string& name, std::optional<std::string>& value, const std::string& help) const;
  option add(const std::string& name, std::vector<std::string>& values, const std::string& help) const;
  option add(const std::string& name, int& value, const std::string& help) const;
  option add(const std::string& name, std::int64_t& value, const std::string& help) const;
  option add(const std::string& name, bool& flag, const std::string& help) const;

  /// Examples at the end of `--help`.
  void examples(const std::string& lines) const;
  /// What is done, after the whole command line was read, when this command was chosen; gives the exit code.
  void does(std::function<int()> action) const;

  [[nodiscard]] const CLI::App& grammar() const { return *inner_; }

 private:
  CLI::App* inner_;
  std::function<int()>* chosen_;
};

/// The program: its commands are added to `top()`, then `read` reads the command line.
class command_line {
 public:
  command_line(const std::string& name, const std::string& about, const std::string& footer);
  ~command_line();
  command_line(const command_line&) = delete;
  command_line& operator=(const command_line&) = delete;

  [[nodiscard]] command top();
  /// What the chosen command does. Where there is nothing to do, as after `--help`, or the line is wrong, this was
  /// printed, and the action gives the exit code: 0 or `usage`.
  [[nodiscard]] std::function<int()> read(int argc, char** argv, int usage);

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace cadre::cli

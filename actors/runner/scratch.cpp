#include "actors/runner/scratch.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace cadre::actors {
namespace {

namespace fs = std::filesystem;

constexpr const char* prefix = "run-";

/// Gives the owner access to every folder below, so that one made with mode 000 can be emptied.
void open_folders(const fs::path& folder) {
  std::error_code ignored;
  fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add, ignored);
  for (fs::directory_iterator entry{folder, ignored}, end; entry != end; entry.increment(ignored))
    if (entry->symlink_status(ignored).type() == fs::file_type::directory) open_folders(entry->path());
}

}  // namespace

scratch_space::scratch_space(std::string base) : base_{std::move(base)} {
  std::error_code ignored;  // make() reports a base that can't be used.
  fs::create_directories(base_, ignored);
  for (fs::directory_iterator entry{base_, ignored}, end; entry != end; entry.increment(ignored))
    if (entry->path().filename().string().starts_with(prefix)) doomed_.push_back(entry->path().string());

  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

scratch_space::~scratch_space() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

result<std::string> scratch_space::make() {
  std::string folder = base_ + '/' + prefix + "XXXXXX";
  if (mkdtemp(folder.data()) == nullptr)
    return fail(errc::internal, "no scratch folder in " + base_ + ": " + strerrordesc_np(errno));
  return folder;
}

void scratch_space::remove(std::string folder) {
  {
    const std::lock_guard lock{mutex_};
    doomed_.push_back(std::move(folder));
  }
  changed_.notify_one();
}

void scratch_space::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !doomed_.empty(); });
    if (doomed_.empty()) return;
    const std::string folder = std::move(doomed_.front());
    doomed_.pop_front();
    lock.unlock();
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) {
      open_folders(folder);
      fs::remove_all(folder, error);
    }
    lock.lock();
  }
}

}  // namespace cadre::actors

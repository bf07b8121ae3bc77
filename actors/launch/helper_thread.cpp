#include "actors/launch/helper_thread.hpp"

#include <exception>
#include <sys/eventfd.h>

namespace cadre::launch {

helper_thread::helper_thread(std::function<void(std::stop_token)> work)
    : done_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this, work = std::move(work)](std::stop_token stop) {
        try {
          work(std::move(stop));
        } catch (const std::exception& e) {
          failure_ = e.what();
        } catch (...) {
          failure_ = "an exception of unknown type";
        }
        done_ = true;
        ::eventfd_write(done_fd_.get(), 1);
      }) {}

}  // namespace cadre::launch

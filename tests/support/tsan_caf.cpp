/// Tells ThreadSanitizer what CAF 0.17.6 promises. Debian's libcaf_core is not instrumented, and its mailboxes and
/// reference counts are lock free, so that every message and every actor's state would look like a race. In the
/// programs of the preset `tsan` these functions take the place of the library's own, and pass on to them. They tell
/// three things, as its source has them, and nothing else:
/// - what its sender did before a message was sent happened before it is handled;
/// - an actor runs on one thread at a time, whichever that is;
/// - an actor, or the content of a message, is destroyed after all that its owners did.
#include <caf/blocking_actor.hpp>
#include <caf/detail/blocking_behavior.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/scheduled_actor.hpp>

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#define OF_SCHEDULED "_ZN3caf15scheduled_actor"
#define OF_BLOCKING "_ZN3caf14blocking_actor"
#define ENQUEUE "7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE"

namespace {

/// The library's function; a member function is one whose first parameter is its object.
template <class Function>
Function* library_own(const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol));
}

void release_and_acquire(void* address) {
  __tsan_release(address);
  __tsan_acquire(address);
}

/// Gives away where the count is: the compiler inlines other accesses to it into our code.
struct counted : caf::ref_counted {
  static void* count_of(const caf::ref_counted& object) {
    return const_cast<std::atomic<std::size_t>*>(&(object.*(&counted::rc_)));
  }
};

}  // namespace

namespace caf {

void scheduled_actor::enqueue(mailbox_element_ptr x, execution_unit* host) {
  static auto* const own =
      library_own<void(scheduled_actor*, mailbox_element_ptr, execution_unit*)>(OF_SCHEDULED ENQUEUE);
  __tsan_release(this);
  release_and_acquire(x.get());
  own(this, std::move(x), host);
}

void scheduled_actor::launch(execution_unit* host, bool lazy, bool hide) {
  static auto* const own =
      library_own<void(scheduled_actor*, execution_unit*, bool, bool)>(OF_SCHEDULED "6launchEPNS_14execution_unitEbb");
  __tsan_release(this);
  own(this, host, lazy, hide);
}

resumable::resume_result scheduled_actor::resume(execution_unit* host, std::size_t messages_max) {
  static auto* const own = library_own<resume_result(scheduled_actor*, execution_unit*, std::size_t)>(
      OF_SCHEDULED "6resumeEPNS_14execution_unitEm");
  __tsan_acquire(this);
  return own(this, host, messages_max);
}

// When resume() returns, another thread may have resumed the actor already: our code in it ends with these two.

bool scheduled_actor::activate(execution_unit* host) {
  static auto* const own =
      library_own<bool(scheduled_actor*, execution_unit*)>(OF_SCHEDULED "8activateEPNS_14execution_unitE");
  const bool alive = own(this, host);
  __tsan_release(this);
  return alive;
}

scheduled_actor::activation_result scheduled_actor::reactivate(mailbox_element& x) {
  static auto* const own = library_own<activation_result(scheduled_actor*, mailbox_element&)>(
      OF_SCHEDULED "10reactivateERNS_15mailbox_elementE");
  __tsan_acquire(&x);
  const auto result = own(this, x);
  __tsan_release(this);
  return result;
}

bool scheduled_actor::cleanup(error&& reason, execution_unit* host) {
  static auto* const own = library_own<bool(scheduled_actor*, error&&, execution_unit*)>(
      OF_SCHEDULED "7cleanupEONS_5errorEPNS_14execution_unitE");
  __tsan_acquire(this);
  return own(this, std::move(reason), host);
}

void blocking_actor::enqueue(mailbox_element_ptr x, execution_unit* host) {
  static auto* const own =
      library_own<void(blocking_actor*, mailbox_element_ptr, execution_unit*)>(OF_BLOCKING ENQUEUE);
  __tsan_release(this);
  __tsan_acquire(x.get());
  own(this, std::move(x), host);
}

void blocking_actor::await_data() {
  static auto* const own = library_own<void(blocking_actor*)>(OF_BLOCKING "10await_dataEv");
  own(this);
  __tsan_acquire(this);
}

bool blocking_actor::await_data(timeout_type timeout) {
  static auto* const own = library_own<bool(blocking_actor*, timeout_type)>(
      OF_BLOCKING
      "10await_dataENSt6chrono10time_pointINS1_3_V212system_clockENS1_8durationIlSt5ratioILl1ELl1000000000EE"
      "EEEE");
  const bool there = own(this, timeout);
  __tsan_acquire(this);
  return there;
}

mailbox_element_ptr blocking_actor::dequeue() {
  static auto* const own = library_own<mailbox_element_ptr(blocking_actor*)>(OF_BLOCKING "7dequeueEv");
  auto x = own(this);
  __tsan_acquire(this);
  return x;
}

// The clock's thread sends it, and deletes it where nobody is there any more.
void detail::thread_safe_actor_clock::schedule_message(time_point when, strong_actor_ptr to, mailbox_element_ptr x) {
  static auto* const own =
      library_own<void(thread_safe_actor_clock*, time_point, strong_actor_ptr, mailbox_element_ptr)>(
          "_ZN3caf6detail23thread_safe_actor_clock16schedule_messageENSt6chrono10time_pointINS2_3_V212steady_clockENS2_"
          "8durationIlSt5ratioILl1ELl1000000000EEEEEENS_13intrusive_ptrINS_19actor_control_blockEEESt10unique_ptrINS_"
          "15mailbox_elementENS0_8disposerEE");
  __tsan_release(x.get());
  own(this, when, std::move(to), std::move(x));
}

void ref_counted::deref() const noexcept {
  static auto* const own = library_own<void(const ref_counted*)>("_ZNK3caf11ref_counted5derefEv");
  release_and_acquire(counted::count_of(*this));
  own(this);
}

void intrusive_ptr_release(actor_control_block* x) {
  static auto* const own =
      library_own<void(actor_control_block*)>("_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE");
  release_and_acquire(&x->strong_refs);
  own(x);
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  static auto* const own =
      library_own<void(actor_control_block*)>("_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE");
  release_and_acquire(&x->weak_refs);
  own(x);
}

}  // namespace caf

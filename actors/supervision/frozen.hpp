#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <utility>

namespace cadre::actors::supervision {

/// A value that never changes once made: its copies are one pointer to the same value, from whichever thread. For what
/// 100,000 entries have in common, or what several tables know of one child.
template <class T>
class frozen {
 public:
  /// An empty T, made once.
  frozen() : at_(nothing()) {}
  // Implicit: whoever has a plain value need not know who keeps it how.
  frozen(T value) : at_(new box{std::move(value)}) {}

  operator const T&() const noexcept { return at_->value; }
  const T& operator*() const noexcept { return at_->value; }
  const T* operator->() const noexcept { return &at_->value; }

 private:
  struct box : boost::intrusive_ref_counter<box> {
    explicit box(T v) : value(std::move(v)) {}
    const T value;
  };
  using pointer = boost::intrusive_ptr<const box>;

  static const pointer& nothing() {
    static const pointer none{new box{T{}}};
    return none;
  }

  pointer at_;
};

}  // namespace cadre::actors::supervision

#include "client-plugin/serial_watch.h"

#include "audit/record_type.h"

namespace client_plugin {

namespace {

// By the kernel's clock. Records of one event can be seconds apart, if a system call takes long.
constexpr uint64_t kPatienceMs = 5'000;

}  // namespace

SerialWatch::SerialWatch(uint32_t last_serial) : last_serial_(last_serial) {
  if (last_serial != 0) gaps_.emplace(last_serial, kPatienceMs);
}

void SerialWatch::Observe(const audit::Record& record, uint16_t type) {
  if (audit::IsFromDaemon(type)) return;
  if (!node_) node_ = std::string(record.node);
  if (record.node != *node_) return;
  const audit::Stamp& stamp = record.stamp;
  if (stamp.serial == last_serial_ && gaps_) return;  // As most records.
  const bool is_newest = stamp > newest_;
  if (is_newest) newest_ = stamp;
  if (gaps_) {
    // By the newest time: a system call that took long has an old one.
    missing_events_ += gaps_->Observe(stamp.serial, is_newest, newest_.time_ms);
  } else {
    gaps_.emplace(stamp.serial, kPatienceMs);
  }
  last_serial_ = gaps_->newest();
}

}  // namespace client_plugin

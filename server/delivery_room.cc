#include "server/delivery_room.h"

namespace server {

using storage::Identity;
using storage::IdentityKind;

Identity SenderOf(const storage::Delivery& delivery) {
  const storage::Batch& first = delivery.batches.front();
  if (delivery.number) return first.host();
  if (first.address().empty()) return {.kind = IdentityKind::kCollector, .name = ""};
  return {.kind = IdentityKind::kAddress, .name = first.address()};
}

bool DeliveryRoom::Take(const Identity& sender, size_t bytes) {
  UnderWay& of_sender = senders_[sender];
  const bool is_large = !IsSmall(of_sender, bytes);
  of_sender.bytes += bytes;
  if (is_large) ++of_sender.large;
  (is_large ? large_bytes_ : small_bytes_) += bytes;
  return is_large;
}

void DeliveryRoom::GiveBack(const Identity& sender, size_t bytes, bool is_large) {
  (is_large ? large_bytes_ : small_bytes_) -= bytes;
  const auto found = senders_.find(sender);
  UnderWay& of_sender = found->second;
  of_sender.bytes -= bytes;
  if (is_large) --of_sender.large;
  if (of_sender.bytes == 0) senders_.erase(found);
}

size_t DeliveryRoom::ReadBytesMax(const Identity& sender) const {
  if (HasRoomForAny()) return kAnyBytes;
  if (!HasRoomForSmall()) return 0;
  return WouldBeSmall(sender, limits_.small_read_bytes) ? limits_.small_read_bytes : 0;
}

bool DeliveryRoom::MayReadWhole(const Identity& sender, size_t bytes_before) const {
  if (HasRoomForAny()) return true;
  return HasRoomForSmall() && large_bytes_ < 2 * limits_.large_bytes_max &&
         WouldBeSmall(sender, bytes_before);
}

bool DeliveryRoom::WouldBeSmall(const Identity& sender, size_t bytes) const {
  const auto found = senders_.find(sender);
  return IsSmall(found == senders_.end() ? UnderWay() : found->second, bytes);
}

}  // namespace server

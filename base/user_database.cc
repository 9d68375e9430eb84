#include "base/user_database.h"

#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <system_error>
#include <vector>

namespace base {

namespace {

// A group comes with all of its members. One that has more than fit here is not found.
constexpr size_t kEntryBytesMax = 4 << 20;

// Calls one of getpwnam_r(3) and its likes with more and more memory until the answer fits, and
// takes a member out of it.
template <typename Entry, typename Value, typename Function, typename Key>
absl::StatusOr<Value> LookUp(Function function, Key key, const auto& take) {
  Entry entry{};
  Entry* found = nullptr;
  std::vector<char> buffer(1024);
  int error = function(key, &entry, buffer.data(), buffer.size(), &found);
  while (error == ERANGE && buffer.size() < kEntryBytesMax) {
    buffer.resize(buffer.size() * 4);
    error = function(key, &entry, buffer.data(), buffer.size(), &found);
  }
  if (found != nullptr) return Value(take(*found));
  // What "there is none" is depends on the service: see the notes of getpwnam(3).
  if (error == 0 || error == ENOENT || error == ESRCH) return absl::NotFoundError("not known");
  return absl::UnavailableError(std::generic_category().message(error));
}

std::optional<std::string> Known(const absl::StatusOr<std::string>& name) {
  return name.ok() ? std::optional(*name) : std::nullopt;
}

}  // namespace

absl::StatusOr<uint32_t> FindUser(const std::string& name) {
  return LookUp<passwd, uint32_t>(getpwnam_r, name.c_str(),
                                  [](const passwd& user) { return user.pw_uid; });
}

absl::StatusOr<uint32_t> FindGroup(const std::string& name) {
  return LookUp<group, uint32_t>(getgrnam_r, name.c_str(),
                                 [](const group& found) { return found.gr_gid; });
}

std::optional<std::string> FindUserName(uint32_t id) {
  return Known(
      LookUp<passwd, std::string>(getpwuid_r, id, [](const passwd& user) { return user.pw_name; }));
}

std::optional<std::string> FindGroupName(uint32_t id) {
  return Known(
      LookUp<group, std::string>(getgrgid_r, id, [](const group& found) { return found.gr_name; }));
}

}  // namespace base

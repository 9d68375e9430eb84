#include "client-plugin/container_cgroup.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace client_plugin {

namespace {

constexpr size_t kDigits = 64;

// Names of machines and of LXC's containers are at most 64 bytes.
constexpr size_t kIdBytesMax = 128;

bool IsHexDigit(char byte) { return absl::ascii_isdigit(byte) || (byte >= 'a' && byte <= 'f'); }

bool IsIdByte(char byte) {
  return absl::ascii_isalnum(byte) ||
         std::string_view("_.:@-").find(byte) != std::string_view::npos;
}

bool TakeFront(std::string_view* text, std::string_view front) {
  if (!text->starts_with(front)) return false;
  text->remove_prefix(front.size());
  return true;
}

bool TakeBack(std::string_view* text, std::string_view back) {
  if (!text->ends_with(back)) return false;
  text->remove_suffix(back.size());
  return true;
}

int HexValue(char byte) { return absl::ascii_isdigit(byte) ? byte - '0' : byte - 'a' + 10; }

// A name as it was before systemd made it part of a unit's: "my\x2dbox" is "my-box".
std::string Unescape(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    if (name.size() >= 4 && name.starts_with("\\x") && IsHexDigit(name[2]) && IsHexDigit(name[3])) {
      text.push_back(static_cast<char>(HexValue(name[2]) << 4 | HexValue(name[3])));
      name.remove_prefix(4);
    } else {
      text.push_back(name.front());
      name.remove_prefix(1);
    }
  }
  return text;
}

// The digits at the end of a part; empty if they are not there, or of who watches the container.
std::string_view Digits(std::string_view part) {
  TakeBack(&part, ".scope");
  if (part.size() < kDigits) return {};
  const std::string_view digits = part.substr(part.size() - kDigits);
  if (!std::all_of(digits.begin(), digits.end(), IsHexDigit)) return {};
  const std::string_view words = part.substr(0, part.size() - kDigits);
  if (words.empty()) return digits;
  const bool is_apart = words.back() == '-' || words.back() == ':';
  const bool watches = words.find("conmon") != std::string_view::npos;
  return is_apart && !watches ? digits : std::string_view();
}

// The name of a container that has one; empty if the part is of none.
std::string Name(std::string_view part, std::string_view part_before) {
  std::string_view name = part;
  if (TakeFront(&name, "machine-") && TakeBack(&name, ".scope")) {
    std::string machine = Unescape(name);
    return machine.starts_with("qemu-") ? std::string() : machine;
  }
  name = part;
  if (TakeFront(&name, "systemd-nspawn@") && TakeBack(&name, ".service")) return Unescape(name);
  name = part;
  if (TakeFront(&name, "lxc.payload.")) return std::string(name);
  if (part_before == "lxc" || part_before == "lxc.payload") return std::string(part);
  return {};
}

std::string IdOf(std::string_view part, std::string_view part_before) {
  std::string id(Digits(part));
  if (id.empty()) id = Name(part, part_before);
  const bool is_id = id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), IsIdByte);
  return is_id ? id : std::string();
}

Container ContainerOfPath(std::string_view path) {
  Container container;
  std::string_view part_before;
  while (!path.empty()) {
    path.remove_prefix(1);  // The "/".
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (std::string id = IdOf(part, part_before); !id.empty()) {
      (container.id.empty() ? container.id : container.nested) = std::move(id);
    }
    part_before = part;
  }
  if (container.nested == container.id) container.nested.clear();
  return container;
}

}  // namespace

Container ContainerOfCgroup(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    std::string_view path = line.substr(second + 1);
    TakeBack(&path, " (deleted)");  // The group is gone, and its last process not quite.
    if (!path.starts_with('/')) continue;
    Container container = ContainerOfPath(path);
    if (!container.id.empty()) return container;
  }
  return {};
}

}  // namespace client_plugin

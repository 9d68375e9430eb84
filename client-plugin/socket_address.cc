#include "client-plugin/socket_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace client_plugin {

namespace {

// The kernel writes sizeof(sockaddr_storage), 128 bytes, at most.
using AddressBytes = std::array<char, 256>;

// The families by their number; empty for those of which auditd 3.0.9 has no name.
constexpr std::string_view kFamilies[] = {
    "",        "local",   "inet",    "ax25",   "ipx",        "appletalk", "netrom",   "bridge",
    "atmpvc",  "x25",     "inet6",   "rose",   "decnet",     "netbeui",   "security", "key",
    "netlink", "packet",  "ash",     "econet", "atmsvc",     "rds",       "sna",      "irda",
    "pppox",   "wanpipe", "llc",     "",       "",           "can",       "tipc",     "bluetooth",
    "iucv",    "rxrpc",   "isdn",    "phonet", "ieee802154", "caif",      "alg",      "nfc",
    "vsock",   "kcm",     "qipcrtr", "smc",    "xdp"};

// -1 if it is none.
int DigitValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// Reads up to what is no digit; the rest is 0. Returns the count of digits.
size_t Decode(std::string_view digits, AddressBytes* bytes) {
  bytes->fill(0);
  digits = digits.substr(0, 2 * bytes->size());
  for (size_t at = 0; at < digits.size(); ++at) {
    const int value = DigitValue(digits[at]);
    if (value < 0) return at;
    (*bytes)[at / 2] = static_cast<char>((*bytes)[at / 2] | (value << (at % 2 == 0 ? 4 : 0)));
  }
  return digits.size();
}

// The first bytes as one of the structures of the kernel.
template <typename Address>
Address ReadAs(const AddressBytes& bytes) {
  static_assert(std::is_trivially_copyable_v<Address> && sizeof(Address) <= sizeof(AddressBytes));
  Address address;
  std::memcpy(&address, bytes.data(), sizeof(address));
  return address;
}

// Appends the bytes up to a NUL.
void AppendPath(const AddressBytes& bytes, size_t begin, size_t bytes_max, std::string* text) {
  const char* const path = bytes.data() + begin;
  const size_t path_bytes = strnlen(path, std::min(bytes_max, bytes.size() - begin));
  const size_t old_bytes = text->size();
  text->append(path, path_bytes);
  std::replace(text->begin() + static_cast<ptrdiff_t>(old_bytes), text->end(), '\n', ' ');
}

void AppendLocal(const AddressBytes& bytes, std::string* text) {
  // An abstract name has a NUL in front.
  const size_t begin = offsetof(sockaddr_un, sun_path) + (bytes[2] == '\0' ? 1 : 0);
  text->append("path=");
  AppendPath(bytes, begin, sizeof(sockaddr_un::sun_path), text);
}

void AppendInet(const AddressBytes& bytes, std::string* text) {
  const auto octet = [&](size_t index) {
    return static_cast<unsigned>(static_cast<uint8_t>(bytes[index]));
  };
  absl::StrAppend(text, "laddr=", octet(4), ".", octet(5), ".", octet(6), ".", octet(7));
  absl::StrAppend(text, " lport=", octet(2) * 256 + octet(3));
}

void AppendInet6(const AddressBytes& bytes, std::string* text) {
  const auto address = ReadAs<sockaddr_in6>(bytes);
  char name[NI_MAXHOST];
  // The name of an interface is known to the kernel only, and needed for few addresses.
  const bool has_name =
      address.sin6_scope_id == 0
          ? inet_ntop(AF_INET6, &address.sin6_addr, name, sizeof(name)) != nullptr
          : getnameinfo(reinterpret_cast<const sockaddr*>(&address), sizeof(address), name,
                        sizeof(name), nullptr, 0, NI_NUMERICHOST) == 0;
  if (!has_name) {
    text->append("(error resolving addr)");
    return;
  }
  absl::StrAppend(text, "laddr=", name, " lport=", ntohs(address.sin6_port));
}

void AppendNetlink(const AddressBytes& bytes, std::string* text) {
  const auto address = ReadAs<sockaddr_nl>(bytes);
  absl::StrAppend(text, "nlnk-fam=", address.nl_family, " nlnk-pid=", address.nl_pid);
}

// What auditd says of an address that has too few bytes for its family; empty if it has enough.
std::string_view ShortAddress(int family, size_t byte_count) {
  if (family == AF_LOCAL && byte_count < 4) return "sockaddr len too short";
  if (family == AF_INET && byte_count < sizeof(sockaddr_in)) return "sockaddr len too short";
  if (family == AF_INET6 && byte_count < sizeof(sockaddr_in6)) return "sockaddr6 len too short";
  if (family == AF_NETLINK && byte_count < sizeof(sockaddr_nl)) return "len too short";
  return {};
}

void AppendParts(int family, const AddressBytes& bytes, std::string* text) {
  switch (family) {
    case AF_LOCAL:
      AppendLocal(bytes, text);
      break;
    case AF_INET:
      AppendInet(bytes, text);
      break;
    case AF_INET6:
      AppendInet6(bytes, text);
      break;
    case AF_NETLINK:
      AppendNetlink(bytes, text);
      break;
    case AF_AX25:
      text->append("call=");
      AppendPath(bytes, 2, 7, text);
      break;
    case AF_ATMPVC: {
      int16_t interface = 0;  // Of sockaddr_atmpvc: behind the family and two bytes of padding.
      std::memcpy(&interface, bytes.data() + 4, sizeof(interface));
      absl::StrAppend(text, "int=", interface);
      break;
    }
    case AF_X25:
      text->append("laddr=");
      AppendPath(bytes, 2, 15, text);
      break;
    default:
      text->append("(unsupported)");
  }
}

}  // namespace

void AppendSocketAddress(std::string_view digits, std::string* text) {
  AddressBytes bytes;
  if (Decode(digits, &bytes) < 2) {
    text->append("malformed-host(");
    text->append(digits);
    text->append(")");
    return;
  }
  const int family = ReadAs<sa_family_t>(bytes);
  if (static_cast<size_t>(family) >= std::size(kFamilies) || kFamilies[family].empty()) {
    absl::StrAppend(text, "unknown-family(", family, ")");
    return;
  }
  text->append("{ saddr_fam=");
  text->append(kFamilies[family]);
  text->append(" ");
  const std::string_view short_address = ShortAddress(family, digits.size() / 2);
  if (short_address.empty()) {
    AppendParts(family, bytes, text);
  } else {
    text->append(short_address);
  }
  text->append(" }");
}

}  // namespace client_plugin

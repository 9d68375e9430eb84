// The register of a CA: what it has issued, and what of that it has revoked.
//
//   register := first-line { line }
//   first-line := "# auspex ca register 1: serial kind not-after state name" newline
//   line     := serial " " kind " " time " " state " " name newline
//   serial   := 32 hexadecimal digits, in capitals
//   kind     := "server" | "client"
//   state    := "valid" | "revoked=" time
//   time     := RFC 3339, in UTC and whole seconds
//
//   5F0C6A6C2C9C4F8D9B2E0A4C1D7E3B90 client 2027-11-25T09:00:00Z valid web1

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace pki {

enum class CertificateKind : uint8_t {
  kServer,  // Of a collector.
  kClient,  // Of who calls it: hosts, viewers, admins.
};

std::string_view KindName(CertificateKind kind);

// A line of the register.
struct IssuedCertificate {
  std::string serial;  // As in the register, and as `openssl x509 -serial` prints it.
  CertificateKind kind = CertificateKind::kClient;
  uint64_t not_after_ms = 0;  // Milliseconds since the epoch; of whole seconds.
  std::optional<uint64_t> revoked_ms = {};
  std::string name;

  friend bool operator==(const IssuedCertificate&, const IssuedCertificate&) = default;
};

// A time as the register has it.
std::string SecondsText(uint64_t time_ms);

// Of a text that SecondsText() could have made; none of any other.
std::optional<uint64_t> ParseSeconds(const std::string& text);

std::string FormatRegister(const std::vector<IssuedCertificate>& certificates);

// kFailedPrecondition if the first line is another one; kDataLoss names the file and the first line
// that is damaged, and the last one if it is cut off.
absl::StatusOr<std::vector<IssuedCertificate>> ParseRegister(std::string_view text,
                                                             const std::string& file_name);

}  // namespace pki

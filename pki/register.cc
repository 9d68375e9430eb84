#include "pki/register.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "pki/subject.h"

namespace pki {

namespace {

constexpr std::string_view kFirstLine =
    "# auspex ca register 1: serial kind not-after state name\n";
constexpr size_t kSerialDigits = 32;
constexpr std::string_view kValid = "valid";
constexpr std::string_view kRevoked = "revoked=";
constexpr char kTimeForm[] = "%Y-%m-%dT%H:%M:%SZ";

std::optional<CertificateKind> ParseKind(std::string_view name) {
  for (const CertificateKind kind : {CertificateKind::kServer, CertificateKind::kClient}) {
    if (KindName(kind) == name) return kind;
  }
  return std::nullopt;
}

bool IsSerial(std::string_view text) {
  return text.size() == kSerialDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
         });
}

std::optional<IssuedCertificate> ParseLine(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words.size() != 5) return std::nullopt;
  const std::optional<CertificateKind> kind = ParseKind(words[1]);
  const std::optional<uint64_t> not_after_ms = ParseSeconds(words[2]);
  if (!IsSerial(words[0]) || !kind || !not_after_ms || !CheckName(words[4]).ok()) {
    return std::nullopt;
  }
  IssuedCertificate certificate{
      .serial = words[0], .kind = *kind, .not_after_ms = *not_after_ms, .name = words[4]};
  if (words[3] == kValid) return certificate;
  if (!words[3].starts_with(kRevoked)) return std::nullopt;
  certificate.revoked_ms = ParseSeconds(words[3].substr(kRevoked.size()));
  if (!certificate.revoked_ms) return std::nullopt;
  return certificate;
}

}  // namespace

std::string_view KindName(CertificateKind kind) {
  return kind == CertificateKind::kServer ? "server" : "client";
}

std::string SecondsText(uint64_t time_ms) {
  return absl::FormatTime(kTimeForm, absl::FromUnixMillis(static_cast<int64_t>(time_ms)),
                          absl::UTCTimeZone());
}

std::optional<uint64_t> ParseSeconds(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(kTimeForm, text, &time, &error) || time < absl::UnixEpoch()) {
    return std::nullopt;
  }
  const auto time_ms = static_cast<uint64_t>(absl::ToUnixMillis(time));
  // ParseTime() takes blanks and years of any length.
  if (SecondsText(time_ms) != text) return std::nullopt;
  return time_ms;
}

std::string FormatRegister(const std::vector<IssuedCertificate>& certificates) {
  std::string text(kFirstLine);
  for (const IssuedCertificate& certificate : certificates) {
    absl::StrAppendFormat(
        &text, "%s %s %s %s%s %s\n", certificate.serial, KindName(certificate.kind),
        SecondsText(certificate.not_after_ms), certificate.revoked_ms ? kRevoked : kValid,
        certificate.revoked_ms ? SecondsText(*certificate.revoked_ms) : "", certificate.name);
  }
  return text;
}

absl::StatusOr<std::vector<IssuedCertificate>> ParseRegister(std::string_view text,
                                                             const std::string& file_name) {
  if (!text.starts_with(kFirstLine)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: does not begin as a register that this program knows", file_name));
  }
  text.remove_prefix(kFirstLine.size());
  std::vector<IssuedCertificate> certificates;
  for (size_t number = 2; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return absl::DataLossError(absl::StrFormat("%s:%d: is cut off", file_name, number));
    }
    std::optional<IssuedCertificate> certificate = ParseLine(std::string(text.substr(0, end)));
    if (!certificate) {
      return absl::DataLossError(absl::StrFormat("%s:%d: is damaged", file_name, number));
    }
    certificates.push_back(*std::move(certificate));
    text.remove_prefix(end + 1);
  }
  return certificates;
}

}  // namespace pki

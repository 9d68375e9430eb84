// A file of secrets that stand for somebody who shows no certificate: the tokens of readers, the
// invitations of hosts. It holds their digests only: who has read it can be nobody.
//
//   file       := first-line { line }
//   first-line := "# auspex secrets 1: name sha256 not-after" newline
//   line       := name " " digest " " time newline
//   digest     := 64 hexadecimal digits: SHA-256 of the secret as text
//   time       := RFC 3339, in UTC and whole seconds
//
//   grafana 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b 2027-11-28T09:00:00Z

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace pki {

// A line of the file.
struct Secret {
  std::string name;
  std::string digest;         // As DigestOf() makes it.
  uint64_t not_after_ms = 0;  // Milliseconds since the epoch; of whole seconds.

  friend bool operator==(const Secret&, const Secret&) = default;
};

// Of one file: what 20,000 hosts need at once, twice.
inline constexpr size_t kSecretsMax = 40'000;

// So many with the longest names.
inline constexpr size_t kSecretsBytesMax = 16 << 20;

// 64 hexadecimal digits. A secret has 256 random bits, so nothing slower is needed to keep it.
std::string DigestOf(std::string_view secret);

// 43 characters that need no quotes in a shell, a URL or a header, and are no option there: 256
// random bits, but that none begins with a hyphen. kInternal if the system has none.
absl::StatusOr<std::string> MakeSecret();

std::string FormatSecrets(const std::vector<Secret>& secrets);

// kFailedPrecondition if the first line is another one; kDataLoss names the file and the first line
// that is damaged, also one that is cut off.
absl::StatusOr<std::vector<Secret>> ParseSecrets(std::string_view text,
                                                 const std::string& file_name);

// What is in a file now. None if there is no file. Other failures as ReadFile() and ParseSecrets().
absl::StatusOr<std::vector<Secret>> ReadSecrets(const std::string& path);

// Changes of a file. For any thread. Each call takes the file for itself, by Lock, and
// fails as that and base::WriteNewFile() do; every message names the file.
class SecretFile {
 public:
  // The directory must be there; the file is made when it is needed.
  explicit SecretFile(std::string path);

  const std::string& path() const { return path_; }

  // Makes a secret for a name, writes down its digest, and returns the secret: this is the only
  // time that anybody sees it. Those that are over are taken out. kInvalidArgument if it is no name
  // (CheckName()), kAlreadyExists if it has a secret, unless `replaces`; kResourceExhausted if
  // there are kSecretsMax.
  absl::StatusOr<std::string> Add(const std::string& name, std::chrono::seconds lifetime,
                                  bool replaces = false);

  // Takes the secret of a name out. kNotFound if it has none.
  absl::Status Remove(const std::string& name);

 private:
  absl::Status Failed(const absl::Status& status) const;

  std::string path_;
};

}  // namespace pki

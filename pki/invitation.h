// An invitation: what a host needs to have its first certificate signed, in one word.
//
//   invitation := secret "." authority
//   secret     := as MakeSecret() makes it
//   authority  := SHA-256 of the CA's certificate (DER), in base64url without padding
//
// The secret says to the collector who the host is, the other half to the host which collector is
// the right one: it needs no file of the CA before.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace pki {

struct Invitation {
  std::string secret;
  std::string authority;  // As above.

  friend bool operator==(const Invitation&, const Invitation&) = default;
};

// Of a CA's certificate. kInvalidArgument if it cannot be read.
absl::StatusOr<Invitation> MakeInvitation(const std::string& secret,
                                          std::string_view authority_pem);

std::string FormatInvitation(const Invitation& invitation);

// kInvalidArgument if it is none.
absl::StatusOr<Invitation> ParseInvitation(std::string_view text);

// Whether a server is that of the CA which has invited: `chain_pem` is what the server has shown in
// TLS, its own certificate first, and with the CA's. Returns the CA's certificate in PEM.
// kUnauthenticated says what is wrong: the chain holds no such CA, the certificate is not signed by
// it, has ended, or is for another name than `server_name`, which is a DNS name or an IP address.
absl::StatusOr<std::string> CheckInvitingServer(const Invitation& invitation,
                                                std::string_view chain_pem,
                                                const std::string& server_name);

}  // namespace pki

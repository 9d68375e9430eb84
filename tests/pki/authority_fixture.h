// A CA in a directory of its own, and what openssl(1) says of its certificates.

#pragma once

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/authority.h"
#include "tests/pki/openssl_command.h"
#include "tests/storage/temporary_directory.h"

namespace pki {

class AuthorityFixture : public testing::Test {
 protected:
  static Authority Make(const std::string& directory, const AuthorityOptions& options = {}) {
    absl::StatusOr<Authority> made = Authority::Create(directory, options);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  std::string Path(const std::string& file) const { return directory_.path() + "/" + file; }

  NewCertificate Issue(const std::string& name, CertificateKind kind = CertificateKind::kClient) {
    return Issue(CertificateOrder{.subject = {.name = name}, .kind = kind});
  }

  NewCertificate Issue(const CertificateOrder& order) {
    absl::StatusOr<NewCertificate> issued = authority_.Issue(order);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return *std::move(issued);
  }

  // What `openssl verify` says of a certificate.
  CommandResult Verify(const NewCertificate& certificate, const std::string& options) const {
    Write(Path("verified.pem"), certificate.certificate_pem);
    return Openssl("verify -x509_strict -CAfile " + authority_.certificate_path() + " " + options +
                   " " + Path("verified.pem"));
  }

  bool IsRevokedForOpenssl(const NewCertificate& certificate) const {
    const CommandResult result =
        Verify(certificate, "-crl_check -CRLfile " + authority_.list_path());
    EXPECT_EQ(result.output.find("certificate revoked") == std::string::npos, result.succeeded)
        << result.output;
    return !result.succeeded;
  }

  std::string TextOf(const NewCertificate& certificate) const {
    Write(Path("shown.pem"), certificate.certificate_pem);
    return OpensslOutput("x509 -noout -text -in " + Path("shown.pem"));
  }

  std::string RegisterPath() const { return authority_.directory() + "/register"; }

  const TemporaryDirectory directory_;
  Authority authority_ = Make(Path("ca"));
};

}  // namespace pki

// Certificates for tests, made with openssl(1).

#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_format.h"
#include <gtest/gtest.h>

namespace server {

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Files of a certificate, in PEM.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

class TestCa {
 public:
  // Makes a CA in a directory that is there. Two of them need two names.
  TestCa(std::string directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {
    Run(
        absl::StrFormat("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                        "-subj /CN=%s -keyout %s -out %s",
                        name_, Path("ca.key"), certificate()));
  }

  // `subject` as in "/CN=web1"; `alternative` as in "DNS:web1", or empty.
  CertificateFiles Issue(const std::string& file, const std::string& subject,
                         const std::string& alternative = "", bool is_expired = false) const {
    const CertificateFiles files{.certificate = Path(file + ".crt"), .key = Path(file + ".key")};
    const std::string request = Path(file + ".csr");
    Run(
        absl::StrFormat("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '%s' "
                        "-keyout %s -out %s",
                        subject, files.key, request));
    const std::string extensions = Path(file + ".ext");
    std::ofstream(extensions) << "basicConstraints=CA:FALSE\n"
                              << (alternative.empty() ? ""
                                                      : "subjectAltName=" + alternative + "\n");
    Run(
        absl::StrFormat("x509 -req -in %s -CA %s -CAkey %s -CAcreateserial -extfile %s -days %d "
                        "-out %s",
                        request, certificate(), Path("ca.key"), extensions, is_expired ? -1 : 2,
                        files.certificate));
    return files;
  }

  std::string certificate() const { return Path("ca.crt"); }

 private:
  std::string Path(const std::string& file) const { return directory_ + "/" + name_ + "." + file; }

  static void Run(const std::string& arguments) {
    ASSERT_EQ(std::system(("openssl " + arguments + " > /dev/null 2>&1").c_str()), 0) << arguments;
  }

  const std::string directory_;
  const std::string name_;
};

}  // namespace server

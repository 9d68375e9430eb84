// A Subject in the words of X.509.

#pragma once

#include "pki/openssl.h"
#include "pki/register.h"
#include "pki/subject.h"

namespace pki {

// The name as common name; without any part if it is longer than a common name can be (64), since
// part of a name is another name. nullptr if it cannot be made.
NamePointer DistinguishedName(const std::string& name);

// subjectAltName. The name of a client is always a DNS name, which is what the collector reads;
// that of a server is an IP address if it looks like one, since callers compare it as such.
// Critical, as RFC 5280 wants it, where DistinguishedName() is empty. nullptr if it cannot be made.
ExtensionPointer AlternativeNames(const Subject& subject, CertificateKind kind);

}  // namespace pki

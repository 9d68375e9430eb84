#include "pki/subject_encoding.h"

namespace pki {

namespace {

// ub-common-name of RFC 5280.
constexpr size_t kCommonNameBytesMax = 64;

using AlternativesPointer = std::unique_ptr<GENERAL_NAMES, Freer<&GENERAL_NAMES_free>>;
using AlternativePointer = std::unique_ptr<GENERAL_NAME, Freer<&GENERAL_NAME_free>>;

AlternativePointer DnsName(const std::string& name) {
  AlternativePointer alternative(GENERAL_NAME_new());
  ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
  if (alternative == nullptr || text == nullptr ||
      ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) {
    ASN1_IA5STRING_free(text);
    return nullptr;
  }
  GENERAL_NAME_set0_value(alternative.get(), GEN_DNS, text);
  return alternative;
}

AlternativePointer IpAddress(const std::string& address) {
  AlternativePointer alternative(GENERAL_NAME_new());
  ASN1_OCTET_STRING* const bytes = a2i_IPADDRESS(address.c_str());
  if (alternative == nullptr || bytes == nullptr) {
    ASN1_OCTET_STRING_free(bytes);
    return nullptr;
  }
  GENERAL_NAME_set0_value(alternative.get(), GEN_IPADD, bytes);
  return alternative;
}

bool Add(AlternativePointer alternative, GENERAL_NAMES* alternatives) {
  if (alternative == nullptr || sk_GENERAL_NAME_push(alternatives, alternative.get()) <= 0) {
    return false;
  }
  static_cast<void>(alternative.release());  // Its owner is the stack.
  return true;
}

}  // namespace

NamePointer DistinguishedName(const std::string& name) {
  NamePointer distinguished(X509_NAME_new());
  if (distinguished == nullptr || name.size() > kCommonNameBytesMax) return distinguished;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(name.data());
  if (X509_NAME_add_entry_by_NID(distinguished.get(), NID_commonName, MBSTRING_UTF8, bytes,
                                 static_cast<int>(name.size()), -1, 0) != 1) {
    return nullptr;
  }
  return distinguished;
}

ExtensionPointer AlternativeNames(const Subject& subject, CertificateKind kind) {
  const AlternativesPointer alternatives(GENERAL_NAMES_new());
  if (alternatives == nullptr) return nullptr;
  const bool is_address = kind == CertificateKind::kServer && IsIpAddress(subject.name);
  bool are_added =
      Add(is_address ? IpAddress(subject.name) : DnsName(subject.name), alternatives.get());
  for (const std::string& name : subject.dns_names) {
    are_added = are_added && Add(DnsName(name), alternatives.get());
  }
  for (const std::string& address : subject.ip_addresses) {
    are_added = are_added && Add(IpAddress(address), alternatives.get());
  }
  if (!are_added) return nullptr;
  const bool is_critical = subject.name.size() > kCommonNameBytesMax;
  return ExtensionPointer(
      X509V3_EXT_i2d(NID_subject_alt_name, is_critical ? 1 : 0, alternatives.get()));
}

}  // namespace pki

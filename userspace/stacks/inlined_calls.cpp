// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/inlined_calls.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "stacks/kept_names.h"

// libstdc++'s own, of the same file as __cxa_demangle(): gives out pieces and allocates nothing. Absent from the shared
// library.
extern "C" [[gnu::weak]] int __gcclibcxx_demangle_callback(const char* mangled,
                                                           void (*take)(const char*, std::size_t, void*), void* user);

namespace sockeye {
namespace {

constexpr std::size_t kLongestMangled = 4096;
// Where pieces can't be had (builds for development only), the name must not grow too long: each two substitutions may
// double it.
constexpr std::ptrdiff_t kMostSubstitutions = 24;

struct Demangled {
    std::jmp_buf full;
    std::array<char, kKeptFunction> text;
    std::size_t size;
};

void take_piece(const char* piece, std::size_t length, void* user) {
    auto* const name = static_cast<Demangled*>(user);
    const std::size_t taken = std::min(length, name->text.size() - name->size);
    std::memcpy(name->text.data() + name->size, piece, taken);
    name->size += taken;
    // 214 bytes of a symbol can stand for a name of 60 MB, and 300 bytes for one that no memory holds.
    if (name->size == name->text.size()) std::longjmp(name->full, 1);
}

// A function of its own for setjmp(): nothing local changes behind it. No destructor is passed over: the caller is C.
[[gnu::noinline]] bool demangle_begin(const char* mangled, Demangled& name) {
    if (setjmp(name.full) != 0) return true;
    return __gcclibcxx_demangle_callback(mangled, take_piece, &name) == 0;
}

std::string name_of(Dwarf_Die* function) {
    Dwarf_Attribute attribute{};
    const char* name = nullptr;
    for (const unsigned kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name})
        if (name == nullptr) name = dwarf_formstring(dwarf_attr_integrate(function, kind, &attribute));
    return demangled(name != nullptr ? name : dwarf_diename(function));
}

InlinedCall inlined_call(Dwarf_Die* unit, Dwarf_Die* function) {
    InlinedCall call{.function = name_of(function), .file = {}};
    Dwarf_Attribute attribute{};
    Dwarf_Word file = 0, line = 0;
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (dwarf_formudata(dwarf_attr(function, DW_AT_call_file, &attribute), &file) == 0 &&
        dwarf_getsrcfiles(unit, &files, &count) == 0) {
        if (const char* const path = dwarf_filesrc(files, file, nullptr, nullptr); path != nullptr)
            call.file = kept_path(path);
    }
    if (dwarf_formudata(dwarf_attr(function, DW_AT_call_line, &attribute), &line) == 0)
        call.line = static_cast<unsigned>(line);
    return call;
}

}  // namespace

std::string demangled(const char* name) {
    if (name == nullptr) return {};
    const std::string_view mangled(name, strnlen(name, kLongestMangled + 1));
    // The demanglers take types, too: a C function `f` would be "float".
    const bool is_mangled = mangled.starts_with("_Z") || mangled.starts_with("_GLOBAL_");
    if (!is_mangled || mangled.size() > kLongestMangled) return kept_function(mangled);
    if (__gcclibcxx_demangle_callback != nullptr) {
        Demangled text;
        text.size = 0;
        return demangle_begin(name, text) ? std::string(text.text.data(), text.size) : kept_function(mangled);
    }
    const auto may_refer = [](char letter) { return letter == 'S' || letter == 'T'; };
    if (std::ranges::count_if(mangled, may_refer) > kMostSubstitutions) return kept_function(mangled);
    int status = 0;
    char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = kept_function(status == 0 && text != nullptr ? std::string_view(text) : mangled);
    std::free(text);
    return result;
}

std::vector<InlinedCall> inlined_calls(Dwarf_Die* unit, std::uint64_t address) {
    std::vector<InlinedCall> calls;
    // Beyond the innermost inlined function these are the scopes in which it was written; those into which it was
    // inlined are the ones around it in the tree.
    Dwarf_Die* written = nullptr;
    Dwarf_Die* scopes = nullptr;
    if (dwarf_getscopes(unit, address, &written) <= 0) return calls;
    const int count = dwarf_getscopes_die(&written[0], &scopes);
    std::free(written);
    for (int i = 0; i < count && calls.size() < kMostInlinedCalls; ++i) {
        const int tag = dwarf_tag(&scopes[i]);
        if (tag == DW_TAG_subprogram) break;
        if (tag == DW_TAG_inlined_subroutine) calls.push_back(inlined_call(unit, &scopes[i]));
    }
    std::free(scopes);
    return calls;
}

}  // namespace sockeye

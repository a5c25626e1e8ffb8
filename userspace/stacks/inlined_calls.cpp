// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/inlined_calls.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <cstddef>
#include <cstdlib>

namespace sockeye {
namespace {

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
        if (const char* const path = dwarf_filesrc(files, file, nullptr, nullptr); path != nullptr) call.file = path;
    }
    if (dwarf_formudata(dwarf_attr(function, DW_AT_call_line, &attribute), &line) == 0)
        call.line = static_cast<unsigned>(line);
    return call;
}

}  // namespace

std::string demangled(const char* name) {
    if (name == nullptr) return {};
    int status = 0;
    char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = status == 0 && text != nullptr ? text : name;
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
    for (int i = 0; i < count; ++i) {
        const int tag = dwarf_tag(&scopes[i]);
        if (tag == DW_TAG_subprogram) break;
        if (tag == DW_TAG_inlined_subroutine) calls.push_back(inlined_call(unit, &scopes[i]));
    }
    std::free(scopes);
    return calls;
}

}  // namespace sockeye

# Files that the program carries in itself: one generated source file names their bytes, so nothing
# has to be found at run time and no compiler parses a megabyte of numbers.

set(report ${CMAKE_SOURCE_DIR}/src/lifecycle/report)
set(embedded
    vega.min.js=${deps}/vega/vega.min.js
    vega-lite.min.js=${deps}/vega-lite/vega-lite.min.js
    vega-embed.min.js=${deps}/vega-embed/vega-embed.min.js
    vega.LICENSE=${deps}/vega/LICENSE
    vega-lite.LICENSE=${deps}/vega-lite/LICENSE
    vega-embed.LICENSE=${deps}/vega-embed/LICENSE
    page.js=${report}/page.js
    page.css=${report}/page.css)

set(symbols "")
set(rows "")
set(embedded_files)
foreach(pair IN LISTS embedded)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched ${pair})
  set(name ${CMAKE_MATCH_1})
  set(file ${CMAKE_MATCH_2})
  string(MAKE_C_IDENTIFIER kingpost_embedded_${name} symbol)
  string(APPEND symbols
         "asm(\".section .rodata\\n.global ${symbol}\\n.global ${symbol}_end\\n${symbol}:\\n\"\n"
         "    \".incbin \\\"${file}\\\"\\n${symbol}_end:\\n.byte 0\\n.previous\\n\");\n"
         "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
  string(APPEND rows "  if (name == \"${name}\") return {${symbol}, ${symbol}_end};\n")
  list(APPEND embedded_files ${file})
endforeach()
file(
  GENERATE
  OUTPUT ${CMAKE_BINARY_DIR}/generated/embedded.cpp
  CONTENT
    "#include \"lifecycle/report/embedded.h\"\n\n${symbols}
namespace kingpost::lifecycle::report {
std::string_view embedded(std::string_view name) {
${rows}  return {};
}
}  // namespace kingpost::lifecycle::report
")
set_source_files_properties(
  ${CMAKE_BINARY_DIR}/generated/embedded.cpp PROPERTIES OBJECT_DEPENDS "${embedded_files}"
                                                        SKIP_PRECOMPILE_HEADERS ON)
target_sources(kingpost_lifecycle PRIVATE ${CMAKE_BINARY_DIR}/generated/embedded.cpp)

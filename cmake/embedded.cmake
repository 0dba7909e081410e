# Files that the programs carry in themselves: one generated source file for each part names their
# bytes, so nothing has to be found at run time and no compiler parses a megabyte of numbers.

# `namespace` has the function `embedded`, which `header` declares; then NAME=PATH for each file.
function(kingpost_embed target namespace header)
  set(symbols "")
  set(rows "")
  set(files)
  string(MAKE_C_IDENTIFIER ${namespace} part)
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched ${pair})
    set(name ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
    string(MAKE_C_IDENTIFIER kingpost_embedded_${part}_${name} symbol)
    string(APPEND symbols
           "asm(\".section .rodata\\n.global ${symbol}\\n.global ${symbol}_end\\n${symbol}:\\n\"\n"
           "    \".incbin \\\"${file}\\\"\\n${symbol}_end:\\n.byte 0\\n.previous\\n\");\n"
           "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
    string(APPEND rows "  if (name == \"${name}\") return {${symbol}, ${symbol}_end};\n")
    list(APPEND files ${file})
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/generated/embedded_${part}.cpp)
  file(
    GENERATE
    OUTPUT ${source}
    CONTENT
      "#include \"${header}\"\n\n${symbols}
namespace ${namespace} {
std::string_view embedded(std::string_view name) {
${rows}  return {};
}
}  // namespace ${namespace}
")
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}"
                                                   SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
endfunction()

set(report ${CMAKE_SOURCE_DIR}/src/lifecycle/report)
kingpost_embed(
  kingpost_lifecycle
  kingpost::lifecycle::report
  lifecycle/report/embedded.h
  vega.min.js=${deps}/vega/vega.min.js
  vega-lite.min.js=${deps}/vega-lite/vega-lite.min.js
  vega-embed.min.js=${deps}/vega-embed/vega-embed.min.js
  vega.LICENSE=${deps}/vega/LICENSE
  vega-lite.LICENSE=${deps}/vega-lite/LICENSE
  vega-embed.LICENSE=${deps}/vega-embed/LICENSE
  page.js=${report}/page.js
  page.css=${report}/page.css)

set(pages ${CMAKE_SOURCE_DIR}/src/steps/19_serve/pages)
kingpost_embed(kingpost_steps kingpost::steps::serve steps/19_serve/pages/embedded.h
               model.html=${pages}/model.html model.css=${pages}/model.css model.js=${pages}/model.js)

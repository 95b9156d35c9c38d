// A stub for MathJax, which JupyterLab's renderers would otherwise load even if no text contains a formula.
window.MathJax = { Hub: { Config() {}, Configured() {}, Queue() {}, Register: { StartupHook() {} } } };

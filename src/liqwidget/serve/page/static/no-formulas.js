// Stands in for MathJax, which JupyterLab's renderers want to load even where no text has a formula.
window.MathJax = { Hub: { Config() {}, Configured() {}, Queue() {}, Register: { StartupHook() {} } } };

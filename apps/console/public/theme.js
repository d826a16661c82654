// Sets the colour scheme before the first paint. A file of its own, because the server's content policy forbids inline scripts.
(function () {
  var kept = null;
  try {
    kept = localStorage.getItem('trunkline-color-scheme');
  } catch (denied) {
    kept = null;
  }
  var dark = kept === 'dark' || (kept !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();

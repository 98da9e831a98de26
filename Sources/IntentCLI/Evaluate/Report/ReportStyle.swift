/// The report page's style sheet: one set of colour names, given values for light and for dark screens.
enum ReportStyle {
    static let sheet = """

        :root {
          color-scheme: light dark;
          --page: #f7f7f5; --card: #ffffff; --ink: #1c1d1f; --muted: #5f6368; --line: #dcdcd8;
          --accent: #0b6e99; --accent-soft: #0b6e9933; --rule: #a3461f;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #15171a; --card: #1e2125; --ink: #e9eaec; --muted: #a3a8af; --line: #363b42;
            --accent: #5bb8e0; --accent-soft: #5bb8e040; --rule: #f0956a;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 64px; }
        h1 { margin: 0; font-size: 28px; line-height: 1.2; }
        h1 small { color: var(--muted); font-weight: 400; }
        h2 { margin: 0 0 8px; font-size: 16px; }
        header p { margin: 6px 0 0; }
        .facts { color: var(--muted); font-size: 14px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 14px; }
        .tiles { margin: 24px 0; }
        .tile, figure, section:not(.tiles) {
          background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin: 0;
        }
        .tile h2 { color: var(--muted); font-size: 13px; font-weight: 600; margin: 0; }
        .value { font-size: 24px; font-weight: 650; margin: 2px 0 0; font-variant-numeric: tabular-nums; }
        .note { color: var(--muted); font-size: 13px; margin: 2px 0 0; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 14px; }
        figure:last-child:nth-child(odd) { grid-column: 1 / -1; }
        section:not(.tiles) { margin-top: 14px; }
        figcaption { color: var(--muted); font-size: 13px; }
        svg { width: 100%; max-width: 640px; height: auto; display: block; margin: 0 auto; }
        svg text { fill: var(--muted); font: 12px system-ui, sans-serif; }
        svg .label { fill: var(--ink); font-size: 13px; }
        svg .note { fill: var(--rule); }
        svg .middle { text-anchor: middle; }
        svg .end { text-anchor: end; }
        svg .grid { stroke: var(--line); }
        svg .axis { stroke: var(--muted); }
        svg .series { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
        svg .reference { fill: none; stroke: var(--muted); stroke-dasharray: 5 5; }
        svg .rule { stroke: var(--rule); stroke-dasharray: 3 3; }
        svg .point { fill: var(--accent); fill-opacity: 0.75; stroke: var(--card); }
        svg .bar { fill: var(--accent); }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; }
        th { color: var(--muted); font-weight: 600; text-align: left; }
        th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); }
        tbody tr:last-child td { border-bottom: 0; }
        .number { text-align: right; font-variant-numeric: tabular-nums; }
        .meter { width: 30%; padding-right: 0; }
        .meter span { display: block; height: 10px; border-radius: 5px; background: var(--accent); }

        """
}
